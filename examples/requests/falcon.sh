# Read by the other scripts: how to talk to the API. Needs curl and python3.
#   FALCON_URL    where the facade is (http://127.0.0.1:8000)
#   TOKEN         a token: `make up` prints a line that exports one
set -euo pipefail
: "${TOKEN:?copy the line "export TOKEN=..." that make up prints}"
API="${FALCON_URL:-http://127.0.0.1:8000}/scheduler"

# call METHOD PATH [JSON]: the answer's body; fails with it on an error.
call() {
  curl --silent --show-error --fail-with-body -X "$1" "$API$2" \
    -H "Authorization: Bearer $TOKEN" ${3:+-H "Content-Type: application/json" --data "$3"}
}

# field NAME: one field of the JSON object on standard input.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# follow TASK EXECUTION: wait for the end and show it.
follow() {
  while :; do
    execution=$(call GET "/tasks/$1/executions/$2" || echo '{"status": "pending"}')
    case $(field status <<<"$execution") in
      pending | running) sleep 0.5 ;;
      *) python3 -m json.tool <<<"$execution"; return ;;
    esac
  done
}

# run_once TASK-JSON: create the task, execute it now, show how that ended.
run_once() {
  task=$(call POST /tasks "$1" | field id)
  echo "Created task $task"
  execution=$(call POST "/tasks/$task/execute" "${2:-}" | field execution_id)
  echo "Waiting for execution $execution"
  follow "$task" "$execution"
}
