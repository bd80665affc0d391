"""Falcon Scheduler: a scheduler service with a documented REST API in front of Prefect 3.

The rooms of this package are the folders at the top of the repository. The links beside this file give each room the
one name that it is imported by, see docs/decisions/0015-one-package.md.
"""

__version__ = "0.2.0"
"""The one place of it: the wheel, `--version`, the OpenAPI document, metrics and the User-Agent read it here."""
