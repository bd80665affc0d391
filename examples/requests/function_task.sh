#!/usr/bin/env bash
# A function task. Needs examples/function_plugin. The execution's own parameters are laid over the task's.
source "$(dirname "$0")/falcon.sh"
run_once '{
  "name": "Process data '"$$"'",
  "type": "function",
  "schedule": "0 0 3 * * *",
  "config": {
    "function_name": "processData",
    "module": "analytics",
    "parameters": {"batch_size": 1000, "timeout": "5m"}
  },
  "tags": ["example"]
}' '{"parameters": {"batch_size": 250}, "priority": "high"}'
