// A host of MCP Apps as the specification (2026-01-26) describes it: the page of a chat, a sandbox proxy on another
// origin in an outer frame, the app in an inner one, and a Content-Security-Policy header made from the resource's
// metadata. Tools and resources are whatever a case hands in: a real MCP client, or a script.
import { createServer } from "node:http";
import { once } from "node:events";

/** Returns the policy of an app's frame. `blob`: some hosts let blob: addresses through, the specification does not ask. */
export function policy(csp = {}, { blob = false } = {}) {
  const resources = (csp.resourceDomains ?? []).join(" "), more = blob ? " blob:" : "";
  return [
    "default-src 'none'",
    "script-src 'self' 'unsafe-inline'",
    "style-src 'self' 'unsafe-inline'",
    `img-src 'self' data:${more} ${resources}`,
    `media-src 'self' data:${more} ${resources}`,
    `font-src 'self' ${resources}`,
    `connect-src ${(csp.connectDomains ?? []).join(" ") || "'none'"}`,
    "object-src 'none'",
    "base-uri 'none'",
  ].join("; ");
}

const SANDBOX = `<!doctype html><meta charset="utf-8"><title>Sandbox</title>
<meta name="color-scheme" content="light dark">
<style>html, body, iframe { margin: 0; border: 0; width: 100%; height: 100%; display: block; background: transparent }</style>
<script>
const frame = document.createElement("iframe");
addEventListener("message", ({ source, data }) => {
  if (source === window.parent) {
    if (data.method === "ui/notifications/sandbox-resource-ready") {
      frame.setAttribute("sandbox", "allow-scripts allow-same-origin");
      if (data.params.permissions?.clipboardWrite) frame.allow = "clipboard-write";
      frame.srcdoc = data.params.html;
      document.body.append(frame);
    } else frame.contentWindow.postMessage(data, "*");
  } else if (source === frame.contentWindow) window.parent.postMessage(data, "*");
});
addEventListener("DOMContentLoaded", () =>
  window.parent.postMessage({ jsonrpc: "2.0", method: "ui/notifications/sandbox-proxy-ready", params: {} }, "*"));
</script><body></body>`;

const CHAT = `<!doctype html><meta charset="utf-8"><title>Chat</title>
<style>
  :root { color-scheme: light dark }
  body { margin: 0; padding: 16px; font: 15px system-ui; background: light-dark(#faf9f5, #262624) }
  html[data-theme=light] { color-scheme: light } html[data-theme=dark] { color-scheme: dark }
  iframe { border: 0; width: 100%; max-width: 760px; height: 120px; display: block; margin: 0 auto }
</style><body><script>
(async () => {
  const app = await (await fetch("/app")).json();
  document.documentElement.dataset.theme = app.context.theme;
  const frame = document.createElement("iframe"), seen = window.seen = { sizes: [], links: [], told: [], answers: [] };
  frame.src = app.sandbox;
  if (app.permissions?.clipboardWrite) frame.allow = "clipboard-write";
  const send = (message) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
  window.tell = (method, params, id) => send({ method, params, ...(id && { id }) });
  const served = async (method, params) => (await fetch("/rpc", { method: "POST", body: JSON.stringify({ method, params }) })).json();
  const answer = {
    "ui/initialize": () => ({ protocolVersion: "2026-01-26", hostInfo: { name: "trial", version: "1" },
      hostCapabilities: app.capabilities, hostContext: app.context }),
    "ui/open-link": ({ url }) => { seen.links.push(url); return {}; },
    "ui/update-model-context": (params) => { seen.told.push(params); return {}; },
    ping: () => ({}),
  };
  addEventListener("message", async ({ source, data }) => {
    if (source !== frame.contentWindow) return;
    const { id, method, params } = data;
    if (method === "ui/notifications/sandbox-proxy-ready") {
      send({ method: "ui/notifications/sandbox-resource-ready", params: { html: app.html, csp: app.csp, permissions: app.permissions } });
    } else if (method === "ui/notifications/initialized") {
      if (app.input) send({ method: "ui/notifications/tool-input", params: { arguments: app.input } });
      if (app.result) send({ method: "ui/notifications/tool-result", params: app.result });
    } else if (method === "ui/notifications/size-changed") {
      seen.sizes.push(params.height);
      frame.style.height = params.height + "px";
    } else if (id !== undefined && method) {
      if (answer[method]) return send({ id, result: answer[method](params) });
      send({ id, ...(await served(method, params)) });
    } else if (id !== undefined) seen.answers.push(data);
  });
  document.body.append(frame);
})();
</script></body>`;

/** Serves both origins; `open` sets what the next page shows. Nothing listens beyond this machine. */
export async function hosting() {
  let app = {}, handlers = {};
  const sandbox = createServer((request, response) => {
    const { csp, blob } = JSON.parse(new URL(request.url, "http://x").searchParams.get("meta") ?? "{}");
    response.setHeader("content-security-policy", policy(csp, { blob }));
    response.setHeader("content-type", "text/html").end(SANDBOX);
  });
  const chat = createServer(async (request, response) => {
    if (request.url === "/app") return response.end(JSON.stringify(app));
    if (request.url !== "/rpc") return response.setHeader("content-type", "text/html").end(CHAT);
    let body = "";
    for await (const part of request) body += part;
    const { method, params } = JSON.parse(body);
    try {
      response.end(JSON.stringify({ result: await handlers[method](params) }));
    } catch (error) {
      response.end(JSON.stringify({ error: { code: -32603, message: String(error.message ?? error) } }));
    }
  });
  for (const server of [sandbox, chat]) await once(server.listen(0, "127.0.0.1"), "listening");
  const at = (server) => `http://127.0.0.1:${server.address().port}/`;
  return {
    close: () => [sandbox, chat].forEach((server) => { server.close(); server.closeAllConnections(); }),
    /** `page`: the resource as it was read; `calls` collects what the app asked of the server. */
    prepare({ page, input, result, theme = "light", call, read, blob = false, capabilities = {}, context = {} }) {
      const ui = page._meta?.ui ?? {}, calls = [];
      handlers = {
        "tools/call": (params) => { calls.push(params); return call(params); },
        "resources/read": (params) => { calls.push(params); return read(params); },
      };
      app = {
        html: page.text, csp: ui.csp, permissions: ui.permissions, input, result,
        sandbox: `${at(sandbox)}?meta=${encodeURIComponent(JSON.stringify({ csp: ui.csp, blob }))}`,
        capabilities: {
          openLinks: {}, serverTools: {}, serverResources: {}, updateModelContext: { text: {} },
          sandbox: { csp: ui.csp, permissions: ui.permissions }, ...capabilities,
        },
        context: { theme, displayMode: "inline", locale: "en-GB", timeZone: "UTC", ...context },
      };
      return { url: at(chat), calls };
    },
  };
}
