#!/usr/bin/env bash
# A custom task. Needs examples/executor_plugin.
source "$(dirname "$0")/falcon.sh"
run_once '{
  "name": "Custom processing '"$$"'",
  "type": "custom",
  "schedule": "@daily",
  "config": {"executor": "custom_processor", "parameters": {"custom_param": "value"}},
  "tags": ["example"]
}'
