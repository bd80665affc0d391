#!/usr/bin/env bash
# An http task that fires every ten seconds, run once by hand as well. URL must be one that tasks may call:
# a public address, or one that SCHEDULER_HTTP_ALLOW allows.
source "$(dirname "$0")/falcon.sh"
run_once '{
  "name": "Every ten seconds '"$$"'",
  "description": "Asks the scheduler itself how it is",
  "type": "http",
  "schedule": "*/10 * * * * *",
  "config": {"url": "'"${URL:-${FALCON_URL:-http://127.0.0.1:8000}/scheduler/status}"'", "expected_codes": ["200-204"]},
  "tags": ["example"]
}'
