"""What the operations page asks for: a session, and the stream of events."""

from __future__ import annotations

from falcon_scheduler.api_facade.examples.executions import EXECUTION_ID
from falcon_scheduler.api_facade.examples.tasks import TASK_ID

SESSION_REQUEST = {"token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…"}
SESSION = {
    "user_id": "local-operator",
    "character_id": 1,
    "character_name": "Local Operator",
    "is_super_admin": False,
    "permissions": ["scheduler:tasks:execute", "scheduler:tasks:control"],
    "expires_at": "2026-01-15T22:31:12.000Z",
    "default_timezone": "UTC",
}
SESSION_ENDED = {"message": "Signed out"}
EVENTS = (
    "id: 1768473000041-0\nevent: change\n"
    f'data: [{{"subject":"execution","id":"{EXECUTION_ID}","task_id":"{TASK_ID}","status":"running"}}]\n\n'
)
