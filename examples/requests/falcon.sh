# Read by the other scripts: how to talk to the API. Needs curl and python3.
#   FALCON_URL    where the facade is (http://127.0.0.1:8000)
#   FALCON_TOKEN  a token, such as the one that `make up` prints
set -euo pipefail
: "${FALCON_TOKEN:?set FALCON_TOKEN to the token that make up prints}"
API="${FALCON_URL:-http://127.0.0.1:8000}/scheduler"

# call METHOD PATH [JSON]: the answer's body; fails with it on an error.
call() {
  curl --silent --show-error --fail-with-body -X "$1" "$API$2" \
    -H "Authorization: Bearer $FALCON_TOKEN" ${3:+-H "Content-Type: application/json" --data "$3"}
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
  follow "$task" "$execution"
}
