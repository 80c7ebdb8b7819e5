// The gallery in a real browser, inside a host after the specification: with the real server in both protocol eras, and
// with scripted answers for what a server cannot be made to say at will. Exits 1 at the first thing that is not so.
//
//     node tests/gallery/drive.mjs MODULES OUT PYTHON CHROMIUM [--short]      (tests/gallery/run does all of it)
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { hosting } from "./host.mjs";
import { film, HOSTILE, LIST, result, STATES, task } from "./states.mjs";

const [modules, out, python, chromium, short = ""] = process.argv.slice(2);
const require = createRequire(join(modules, "package.json"));
const { chromium: browserType } = require("playwright-core");
const { Client } = require("@modelcontextprotocol/client");
const { StdioClientTransport } = require("@modelcontextprotocol/client/stdio");

const URI = "ui://kling/gallery.html", MIME = "text/html;profile=mcp-app";
const PATIENCE = 40_000;
const wide = { width: 800, height: 560 }, narrow = { width: 360, height: 640 };
mkdirSync(out, { recursive: true });

let passed = 0;
const pages = new Map();
const host = await hosting();
const browser = await browserType.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu", "--in-process-gpu"] });

/** Opens the app in a fresh page; a script error in it or a policy it breaks against our will is a failure. */
async function opened(app, { viewport = wide, scheme = "light", motion = "reduce" } = {}) {
  const { url, calls } = host.prepare({ theme: scheme, ...app });
  const kind = { viewport, colorScheme: scheme, reducedMotion: motion, deviceScaleFactor: 1 }, key = JSON.stringify(kind);
  // A page for each kind of screen, used again and again: a new one costs more than everything that is shown on it.
  if (!pages.has(key)) {
    const made = { page: await (await browser.newContext(kind)).newPage(), faults: [] };
    made.page.setDefaultTimeout(PATIENCE);
    made.page.on("pageerror", (error) => made.faults.push(error.message));
    pages.set(key, made);
  }
  const { page, faults } = pages.get(key);
  await page.goto(url);
  const view = page.frameLocator("iframe").frameLocator("iframe");
  await view.locator("#gallery").waitFor();
  return {
    page, view, calls, faults,
    text: (id) => view.locator(`#${id}`).innerText(),
    has: (id, words) => view.locator(`#${id}`, { hasText: words }).waitFor(),
    video: () => view.locator("#film").evaluate((v) => ({ width: v.videoWidth, height: v.videoHeight, src: v.currentSrc })),
    named: (tool) => calls.filter((c) => c.name === tool),
    shot: (name) => page.screenshot({ path: join(out, `${name}.png`), animations: "disabled" }),
    async close() { assert.deepEqual(faults, []); await page.goto("about:blank"); },
  };
}

/** One thing that has to be so; `long`: left out of a short run, which is CI's. */
async function trial(name, body, { long = false } = {}) {
  if (long && short) return;
  const started = Date.now();
  await body();
  passed += 1;
  console.log(`ok ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

async function connected(era, data) {
  const client = new Client({ name: "trial", version: "1" }, {
    capabilities: { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: [MIME] } } },
    versionNegotiation: { mode: era === "legacy" ? "legacy" : { pin: era } },
  });
  const env = { ...process.env, KLING_DATA_DIR: join(data, "data"), KLING_OUTPUT_DIR: join(data, "out"), KLING_SANDBOX_SPEED: "20" };
  await client.connect(new StdioClientTransport({ command: python, args: ["-m", "kling_mcp"], env, stderr: "ignore" }));
  return client;
}

// --- the real server, both eras ---------------------------------------------------------------------------------------

let page, clip;

async function wholeWay(era, theme) {
  const client = await connected(era, join(out, `server-${era}`));
  try {
    const { tools } = await client.listTools();
    const creating = tools.find((tool) => tool.name === "create_video");
    assert.equal(creating._meta.ui.resourceUri, URI);
    assert.equal(creating._meta["ui/resourceUri"], URI);
    page = (await client.readResource({ uri: URI })).contents[0];
    assert.equal(page.mimeType, MIME);
    const input = { prompt: "a paper boat in the rain", seconds: 3 };
    const created = await client.callTool({ name: "create_video", arguments: { ...input, confirm_cost: true } });
    const app = await opened({
      page, input, result: created, blob: era === "legacy",
      call: (params) => client.callTool(params), read: (params) => client.readResource(params),
    }, { scheme: theme });

    await app.has("left", /left|Almost done/);
    assert.notEqual(await app.view.locator("#bar").getAttribute("aria-valuetext"), "");
    await app.shot(`${era}-1-running`);
    await app.view.locator("#film").waitFor();
    const seen = await app.video();
    assert.deepEqual([seen.width, seen.height], [1280, 720]);
    assert.match(seen.src, era === "legacy" ? /^blob:/ : /^data:video/, "no domain of this machine is declared");
    await app.view.locator("#film").evaluate(async (video) => { video.muted = true; await video.play(); });
    await app.view.locator("#film").evaluate((v) => new Promise((ok) => v.addEventListener("timeupdate", () => v.currentTime > 0 && ok())));
    await app.view.locator("#film").evaluate((video) => video.pause());
    await app.shot(`${era}-2-finished`);
    const path = await app.view.locator(".file input").inputValue();
    clip ??= readFileSync(path);

    await app.view.locator("#sheet").click();
    await app.view.locator("#picture").waitFor();
    assert.ok(await app.view.locator("#picture").evaluate((image) => image.naturalWidth) > 100);
    await app.shot(`${era}-3-sheet`);
    await app.view.locator("#sheet").click();

    await app.view.locator("#extend").click();
    await app.view.locator("#wish").fill("it drifts under a bridge");
    await app.view.locator("#buy:enabled", { hasText: /^Extend for \$\d/ }).waitFor();
    assert.ok(await app.view.locator("#buy").evaluate((b) => b.getBoundingClientRect().bottom <= innerHeight));
    await app.shot(`${era}-4-price`);
    await app.view.locator("#buy").dblclick();
    await app.has("notice", "Ordered.");
    await app.shot(`${era}-5-extending`);
    const listed = (await client.callTool({ name: "list_tasks", arguments: {} })).structuredContent.tasks;
    assert.deepEqual(listed.map((one) => one.tool), ["extend_video", "create_video"], "two clicks buy once");
    assert.equal(listed[0].prompt, "it drifts under a bridge");
    assert.match((await app.page.evaluate(() => window.seen.told))[0].content[0].text, new RegExp(listed[0].task_id));
    assert.ok(Math.max(...await app.page.evaluate(() => window.seen.sizes)) <= 500);
    await app.close();
  } finally {
    await client.close();
  }
}

await trial("2025-11-25: from a running task to a film and its extension", () => wholeWay("legacy", "light"));
await trial("2026-07-28: from a running task to a film and its extension", () => wholeWay("2026-07-28", "dark"));

// --- scripted answers -------------------------------------------------------------------------------------------------

const QUOTE = { tool: "", quotes: [{ provider: "kling", model: "kling-3.0", simulated: false, cost: { usd: "0.42", basis: "exact" }, notes: [] }], budget_left_usd: "50", needs_confirmation: false, next: "" };
const answers = (more = {}) => ({
  page,
  call: async ({ name, arguments: given }) => {
    if (more[name]) return { content: [{ type: "text", text: "" }], structuredContent: await more[name](given) };
    if (name === "estimate_cost") return { content: [], structuredContent: QUOTE };
    const ids = given.task_ids ?? [given.task_id], known = [...LIST, ...Object.values(STATES)];
    return name === "list_tasks" ? result(...LIST) : result(...ids.map((id) => known.find((t) => t.task_id === id)));
  },
  read: async () => ({ contents: [{ uri: "", mimeType: "video/mp4", blob: clip.toString("base64") }] }),
});
const PIXEL = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////" +
  "////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=";
const DONE = task("kdone", "succeeded", { outputs: [film()], cost: { usd: "0.42", basis: "exact", charged_usd: "0.42" } });

for (const [name, state] of Object.entries(STATES)) {
  await trial(`${name} is shown as it is`, async () => {
    const app = await opened({ ...answers(), result: result(state) }, { motion: name === "running" ? "no-preference" : "reduce" });
    await app.view.locator("#card").waitFor();
    const words = await app.view.locator("#gallery").innerText();
    const told = {
      running: /left/, queued: /Waiting for its turn/, unsure: /Do not order it again/, cancelled: /It was taken back/,
      failed: /moderation refused.*Nothing was charged/s, "failed, perhaps charged": /Whether it was charged is not known/,
      film: /1 of 3 shots are done.*After shot 2/s, hostile: /<img src=x onerror/,
    }[name];
    assert.match(words, told);
    if (name === "hostile") {
      assert.equal(await app.view.locator("#about img, #about script, #stage script").count(), 0);
      assert.equal(await app.view.locator("#prompt").textContent(), HOSTILE);
      assert.equal(await app.text("spent"), "It was charged.");
    }
    if (name === "unsure") assert.equal(await app.view.locator("#bar").getAttribute("aria-valuenow"), null);
    await app.shot(`state-${name.replace(/\W+/g, "-")}`);
    await app.close();
  }, { long: !["film", "hostile", "failed"].includes(name) });
}

for (const scheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries({ wide, narrow })) {
    await trial(`a list of tasks, ${scheme} and ${size}`, async () => {
      const app = await opened({ ...answers(), result: result(...LIST) }, { viewport, scheme });
      await app.view.locator("#list button").nth(1).click();
      await app.view.locator("#film").waitFor();
      const over = await app.view.locator("html").evaluate((root) => root.scrollWidth - root.clientWidth);
      assert.equal(over, 0, "nothing sticks out at the side");
      assert.equal(await app.view.locator("#gallery").evaluate((one) => one.scrollTop), 0, "what was chosen is in sight");
      await app.shot(`list-${scheme}-${size}`);
      if (size === "narrow") {
        await app.view.locator("#all").click();
        assert.ok(await app.view.locator("#gallery").evaluate((one) => one.scrollTop) > 0);
      }
      await app.close();
    }, { long: scheme === "dark" && size === "wide" });
  }
  await trial(`a finished task at 360 px, ${scheme}`, async () => {
    const app = await opened({ ...answers(), result: result(DONE) }, { viewport: narrow, scheme });
    await app.view.locator("#film").waitFor();
    await app.shot(`done-${scheme}-360`);
    await app.view.locator("#extend").click();
    await app.has("buy", "Extend for $0.42");
    assert.ok(await app.view.locator("#buy").evaluate((b) => b.getBoundingClientRect().bottom <= innerHeight));
    await app.shot(`price-${scheme}-360`);
    await app.close();
  }, { long: scheme === "dark" });
}

await trial("a declared domain is played from, and the host is not asked for the film", async () => {
  const media = createServer((_, response) => response.writeHead(200, { "content-type": "video/mp4" }).end(clip));
  await new Promise((listening) => media.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${media.address().port}`;
  const declared = { ...page, _meta: { ui: { ...page._meta.ui, csp: { resourceDomains: [origin] } } } };
  const done = result({ ...DONE, outputs: [film({ url: `${origin}/v.mp4` })] });
  const app = await opened({ ...answers(), page: declared, result: done });
  await app.view.locator("#film").waitFor();
  assert.deepEqual(await app.video(), { width: 1280, height: 720, src: `${origin}/v.mp4` });
  assert.deepEqual(app.calls, []);
  await app.close();

  const other = await opened({ ...answers(), result: done, capabilities: { sandbox: undefined } });
  await other.view.locator("#film").waitFor();
  assert.match((await other.video()).src, /^data:video/);
  await other.close();
  media.close();
  media.closeAllConnections();
});

await trial("a film that cannot be played leaves its picture, path and link", async () => {
  const read = async ({ uri }) => {
    if (uri.endsWith("/video")) throw new Error("too large");
    return { contents: [{ uri, blob: PIXEL }] };
  };
  const app = await opened({ ...answers(), read, result: result(DONE) });
  await app.view.locator("#picture").waitFor();
  assert.match(await app.view.locator(".file input").inputValue(), /paper boat/);
  await app.view.locator("#open").click();
  await app.page.waitForFunction(() => window.seen.links.length === 1);
  await app.close();
  const bare = { serverTools: undefined, serverResources: undefined, openLinks: undefined };
  const alone = await opened({ ...answers(), result: result(DONE), capabilities: bare });
  await alone.has("headline", "It cannot be played here");
  assert.equal(await alone.view.locator("#actions button:visible").count(), 0);
  assert.deepEqual(alone.calls, []);
  await alone.shot("host-without-tools");
  await alone.close();
});

await trial("a price belongs to what is bought, and what was bought before is bought again only when it is meant", async () => {
  const bought = [];
  const app = await opened({
    ...answers({ create_video: (given) => { bought.push(given); return given.again ? task("knew", "queued") : DONE; } }),
    result: result(DONE),
  });
  await app.view.locator("#remake").click();
  await app.has("buy", "Remake for $0.42");
  await app.view.locator("#wish").press("Escape");
  assert.equal(await app.view.locator("#order").isVisible(), false);
  assert.equal(await app.view.locator("#remake").evaluate((b) => b === document.activeElement), true);
  await app.page.keyboard.press("Enter");
  await app.has("buy", "Remake for $0.42");
  await app.view.locator("#buy").dblclick();
  await app.has("quote", "nothing was bought");
  assert.deepEqual(bought, [{ from_task: "kdone", provider: "kling", confirm_cost: true }]);
  await app.view.locator("#buy").click();
  await app.has("notice", "Ordered.");
  assert.deepEqual(bought[1], { from_task: "kdone", provider: "kling", confirm_cost: true, again: true });
  await app.close();
});

await trial("a look opens on the picture that the agent saw, with or without a task", async () => {
  const pixel = { type: "image", mimeType: "image/jpeg", data: PIXEL };
  const look = (facts) => ({ content: [{ type: "text", text: "Frame at 1 s." }, pixel], structuredContent: { shows: "frame", ...facts } });
  const app = await opened({ ...answers({ check_status: () => ({ tasks: [DONE] }) }), result: look({ task_id: "kdone" }) });
  await app.view.locator("#picture").waitFor();
  await app.has("sheet", "Video");
  await app.close();
  const alone = await opened({ ...answers(), result: look({ path: "/home/ada/clip.mp4" }) });
  await alone.view.locator("#look").waitFor();
  await alone.has("words", "Frame at 1 s.");
  await alone.close();
});

await trial("the keyboard stays where it is while a film goes on", async () => {
  let looks = 0;
  const call = async () => { looks += 1; return result({ ...STATES.film, eta_seconds: 200 - looks }); };
  const app = await opened({ ...answers(), call, result: result(STATES.film) });
  await app.view.locator("#shots button").nth(1).focus();
  while (looks < 2) await app.page.waitForTimeout(200);
  await app.page.waitForTimeout(200);
  assert.equal(await app.view.locator("#shots button").nth(1).evaluate((b) => b === document.activeElement), true);
  await app.close();
}, { long: true });

await trial("an answer that is lost is not bought again from the page", async () => {
  const app = await opened({
    ...answers({ extend_video: () => { throw new Error("the line broke"); } }), result: result(DONE),
  });
  await app.view.locator("#extend").click();
  await app.has("buy", "Extend for $0.42");
  await app.view.locator("#buy").click();
  await app.has("quote", "The answer was lost");
  assert.equal(await app.view.locator("#buy").isDisabled(), true);
  assert.equal(app.named("extend_video").length, 1);
  assert.equal(app.named("list_tasks").length, 1);
  await app.close();
});

await trial("it is asked gently, not at all when it is not seen, and no more at the end", async () => {
  let looks = 0;
  const call = async () => result(++looks < 3 ? { ...STATES.running, eta_seconds: 2 } : { ...DONE, task_id: "krunning" });
  const app = await opened({ ...answers(), call, result: result({ ...STATES.running, eta_seconds: 2 }) });
  await app.view.locator("#film").waitFor();
  assert.equal(looks, 3);
  await app.page.waitForTimeout(3000);
  assert.equal(looks, 3);
  await app.page.evaluate(() => window.tell("ping", {}, 901));
  await app.page.evaluate(() => window.tell("ui/resource-teardown", {}, 902));
  await app.page.waitForFunction(() => window.seen.answers.length === 2);
  assert.deepEqual(await app.page.evaluate(() => window.seen.answers.map((a) => [a.id, a.result])), [[901, {}], [902, {}]]);
  await app.close();
}, { long: true });

await trial("every control is reached by keyboard and shows that it is", async () => {
  const app = await opened({ ...answers(), result: result(DONE) });
  await app.view.locator("#film").waitFor();
  const reached = new Set();
  for (let step = 0; step < 14; step += 1) {
    await app.page.keyboard.press("Tab");
    const found = await app.view.locator(":focus").evaluateAll(([one]) => one && [one.id || one.textContent || one.className, getComputedStyle(one).outlineStyle, one.getAttribute("aria-label") ?? one.textContent]);
    if (!found) continue;
    reached.add(found[0] || "path");
    if (found[0] !== "film") assert.equal(found[1], "solid", found[0]);
  }
  for (const control of ["film", "Copy path", "extend", "remake", "sheet", "open"]) assert.ok(reached.has(control), control);
  await app.view.locator("#remake").focus();
  await app.shot("focus");
  await app.close();
});

await browser.close();
host.close();
console.log(`pictures: ${out}\n${passed} passed, 0 failed`);
