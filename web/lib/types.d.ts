// Shapes of the REST API, as the page uses them. The whole document: /scheduler/openapi.json.

export type Status = "pending" | "running" | "completed" | "failed" | "paused" | "disabled";

export interface Task {
  id: string;
  name: string;
  description?: string;
  type: string;
  schedule: string;
  status: Status;
  priority: string;
  enabled: boolean;
  config: Record<string, unknown>;
  metadata: TaskMetadata;
  last_run?: string;
  last_run_duration?: string;
  next_run?: string;
  created_at: string;
  updated_at: string;
  created_by: string;
  updated_by: string;
}

export interface TaskMetadata {
  max_retries: number;
  retry_interval: string;
  timeout: string;
  tags: string[];
  timezone: string;
  overlap: string;
  is_system: boolean;
  source: string;
  version: number;
  last_error: string;
  success_count: number;
  failure_count: number;
  total_runs: number;
  average_runtime: string;
  skipped_count: number;
  alerts?: Record<string, unknown>;
  calendars?: { include: string[]; exclude: string[]; on_excluded: string };
  catch_up?: { after_pause: Record<string, unknown>; after_outage?: Record<string, unknown>; after_edit?: Record<string, unknown> };
  start_at?: string;
  end_at?: string;
  max_runs?: number;
  jitter?: string;
  start_within?: string;
}

/** The answer of a simulation, as far as the page shows it. */
export interface Simulation {
  slots: number;
  slots_are: "given" | "measured" | "assumed";
  summary: { runs: number; busiest_minute: number; queue: number; late_most: string; skipped: number };
  buckets: { at: string; used: number }[];
  peaks: { at: string; runs: number; tasks: { task_id: string; name: string }[]; other_tasks: number }[];
  overlaps: { task_id: string; name: string; times: number; duration: string }[];
  proposal?: { changes: { task_id: string; name: string; proposed: string }[] };
}

export interface Execution {
  id: string;
  task_id: string;
  task_name?: string;
  status: "pending" | "running" | "completed" | "failed";
  started_at: string;
  completed_at?: string;
  duration: string;
  output?: string;
  error?: string;
  metadata: Record<string, unknown> & {
    trigger: string;
    queued_at?: string;
    scheduled_for?: string;
    parameters?: Record<string, unknown>;
    priority?: string;
  };
  worker_id: string;
  retry_count: number;
  outcome?: string;
  skip?: { reason: string; held_by?: string };
  attempts?: Attempt[];
}

export interface Occurrence {
  at: string;
  until?: string;
  count?: number;
  fate: string;
  reason?: string;
  execution_id?: string;
  outcome?: string;
  by?: string;
  text?: string;
}

export interface Explanation {
  task_id: string;
  task_name: string;
  at?: string;
  cause: string;
  sentence: string;
  facts: { name: string; value: string }[];
  what_to_do: string;
  execution_id?: string;
  next_run?: string;
}

export interface Attempt {
  number: number;
  started_at: string;
  ended_at?: string;
  outcome?: string;
  error?: string;
  status_code?: number;
}

export interface PageNumbers {
  total: number;
  page: number;
  page_size: number;
  total_pages: number;
}

export type TaskList = PageNumbers & { tasks: Task[] };
export type ExecutionList = PageNumbers & { executions: Execution[]; next?: string };

export interface Session {
  user_id: string;
  character_id: number;
  character_name: string;
  is_super_admin: boolean;
  permissions: string[];
  expires_at: string;
  default_timezone: string;
}

export interface Alert {
  id: string;
  kind: string;
  state: "open" | "recovered";
  task_id?: string;
  task_name?: string;
  part?: string;
  text: string;
  opened_at: string;
  recovered_at?: string;
  recovery?: string;
  deliveries: { event: string; channel: string; state: string; attempts: number; error?: string }[];
}

export interface AuditEntry {
  id: string;
  at: string;
  ended_at?: string;
  user: string;
  action: string;
  task_id?: string;
  task_name?: string;
  door: string;
  outcome: string;
  error?: string;
  request_id: string;
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

export interface Executor {
  type: string;
  name: string;
  kind: string;
  description: string;
  config_schema: Schema;
}

export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  format?: string;
  additionalProperties?: boolean | Schema;
  examples?: unknown[];
}

export interface SchedulePreview {
  schedule: string;
  description: string;
  timezone: string;
  next_runs: string[];
}

export interface LogPage {
  lines: { at: string; level: string; message: string }[];
  next: number;
  has_ended: boolean;
}

export interface Change {
  subject: "task" | "execution" | "alert" | "audit";
  id: string;
  task_id?: string;
  status?: string;
  removed?: boolean;
}

export interface Fault {
  location: string;
  message: string;
}
