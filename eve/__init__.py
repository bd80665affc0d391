"""Everything about EVE Online: its system tasks, their work, ESI and SSO, the collections, a demo. A plug-in."""
