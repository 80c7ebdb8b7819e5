// Tasks as the server tells them, one for each way a task may stand.

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();

export function task(id, status, more = {}) {
  return {
    task_id: id, status, tool: "create_video", prompt: "A paper boat drifts down a gutter in the rain, seen from close by",
    provider: "kling", model: "kling-3.0", simulated: false, label: "", cost: { usd: "0.42", units: "3", basis: "exact" },
    outputs: [], notes: [], next: "", resource_uri: `kling://tasks/${id}`, created: ago(40), updated: ago(2), ...more,
  };
}

export const film = (more = {}) => ({
  kind: "video", path: "/home/ada/Videos/kling/2026-11-22 paper boat k1.mp4", url: "https://results.example/v.mp4",
  seconds: 5.04, width: 1280, height: 720, has_audio: true, ...more,
});

export const HOSTILE = `<img src=x onerror="parent.postMessage('owned','*')"><script>window.owned = 1</script>\u202Egpj`;

const failed = (spent, message) => ({ error: { code: "moderation", message, spent, retryable: false } });

export const STATES = {
  running: task("krunning", "processing", { eta_seconds: 75 }),
  queued: task("kqueued", "queued", { eta_seconds: 130, notes: ["Five tasks are running; this one waits for a place."] }),
  unsure: task("kunsure", "unsure"),
  failed: task("kfailed", "failed", failed("no", "Kling's moderation refused the prompt. Say it in other words.")),
  "failed, perhaps charged": task("kopen", "failed", failed("unknown", "The provider broke off while making it.")),
  cancelled: task("kcancelled", "cancelled"),
  film: task("kfilm", "processing", {
    prompt: "Morning in a harbour, in three shots", eta_seconds: 210, cost: { usd: "1.26", basis: "exact" },
    shots: [
      { task_id: "kshot1", status: "succeeded", model: "kling-3.0", usd: "0.42", charged_usd: "0.42", path: "/home/ada/1.mp4" },
      { task_id: "kshot2", status: "processing", model: "kling-3.0", usd: "0.42" },
      { task_id: "kshot3", status: "queued", model: "kling-3.0", usd: "0.42", waits_for: "kshot2" },
    ],
  }),
  hostile: task("khostile", "failed", { prompt: HOSTILE, label: HOSTILE, ...failed("yes", HOSTILE), notes: [HOSTILE] }),
};

export const LIST = [
  STATES.running,
  task("kdone", "succeeded", { outputs: [film()], cost: { usd: "0.42", basis: "exact", charged_usd: "0.42" } }),
  task("kdone2", "succeeded", { prompt: "A fox in the snow", outputs: [film()], created: ago(4000) }),
  STATES.failed,
  STATES.film,
  STATES.cancelled,
];

export const result = (...tasks) => ({
  content: [{ type: "text", text: "In words." }],
  structuredContent: { tasks, total: tasks.length },
});
