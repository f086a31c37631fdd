"""The TypeScript that `assistants --code` writes, as text: a program, and routes of Next.js and Express.

All three hold the same loop; nothing of the user's data is here.
"""

from __future__ import annotations

_LOOP = """\
type Known = Omit<OpenAI.Responses.ResponseCreateParamsStreaming, "conversation" | "input" | "stream">;
// An agent of Microsoft Foundry is named by a field that the client does not know.
type Config = Known & { agent_reference?: { type: "agent_reference"; name: string; version?: string } };
type Call = OpenAI.Responses.ResponseFunctionToolCall | OpenAI.Responses.ResponseOutputItem.McpApprovalRequest;
type Item = OpenAI.Responses.ResponseInputItem;
type Part = OpenAI.Responses.ResponseInputContent;
type Arguments = Record<string, unknown>;

const config: Config = @CONFIG@;

const seconds = 60; // for one function
const rounds = 20; // of function calls within one answer

// ---- your own code: what a function returns goes to the model, and so does the text of an error that it throws

const functions = new Map<string, (given: Arguments) => Promise<unknown>>([@FUNCTIONS@]);

/** Whether the model may use a tool of an MCP server: see its server_label, name and arguments. */
async function approve(_request: OpenAI.Responses.ResponseOutputItem.McpApprovalRequest): Promise<boolean> {
  return false;
}

// ---- what a question is made of

/** A file id, an address, or the content itself: a name and a data URL. */
type Source = { id: string } | { url: string } | { name: string; data: string };

function text(words: string): Part {
  return { type: "input_text", text: words };
}

function image(source: Source, detail: "auto" | "low" | "high" = "auto"): Part {
  if ("id" in source) return { type: "input_image", detail, file_id: source.id };
  return { type: "input_image", detail, image_url: "url" in source ? source.url : source.data };
}

function file(source: Source): Part {
  if ("id" in source) return { type: "input_file", file_id: source.id };
  if ("url" in source) return { type: "input_file", file_url: source.url };
  return { type: "input_file", filename: source.name, file_data: source.data };
}

function message(...parts: Part[]): Item {
  return { type: "message", role: "user", content: parts };
}

// ---- the loop

/**
 * Yields the text of an answer as it comes; functions that the model calls run at once, and it goes on.
 * Read it to its end: a call that is left without output makes every later request of the conversation fail.
 */
async function* answer(client: OpenAI, conversation: string, items: Item[]): AsyncGenerator<string> {
  for (let round = 0; round < rounds; round++) {
    let response: OpenAI.Responses.Response | undefined;
    const stream = await client.responses.create({ ...config, conversation, input: items, stream: true });
    for await (const event of stream) {
      if (event.type === "response.output_text.delta" || event.type === "response.refusal.delta") {
        yield event.delta;
      } else if (event.type === "response.completed" || event.type === "response.incomplete") {
        response = event.response;
      } else if (event.type === "response.failed") {
        throw new Error(event.response.error?.message ?? "the response failed");
      } else if (event.type === "error") {
        throw new Error(event.message);
      }
    }
    // Without its last event nobody knows what was stored.
    if (!response) throw new Error("the stream ended early; look into the conversation before you ask again");
    const calls = response.output.filter(isCall);
    if (response.status !== "completed") {
      await refuse(client, conversation, calls);
      throw new Error(`the answer was cut short: ${response.incomplete_details?.reason}`);
    }
    if (calls.length === 0) return;
    items = await Promise.all(calls.map(reply)); // all at once, and their outputs go back together
  }
  await store(client, conversation, items);
  throw new Error(`the model still called functions after ${rounds} rounds`);
}

function isCall(item: OpenAI.Responses.ResponseOutputItem): item is Call {
  return item.type === "function_call" || item.type === "mcp_approval_request";
}

async function reply(call: Call): Promise<Item> {
  if (call.type === "mcp_approval_request") {
    return { type: "mcp_approval_response", approval_request_id: call.id, approve: await approve(call) };
  }
  let output: string;
  try {
    const run = functions.get(call.name);
    if (!run) throw new Error(`there is no function ${call.name}`);
    const result = await inTime(run(JSON.parse(call.arguments || "{}")));
    output = typeof result === "string" ? result : (JSON.stringify(result) ?? "null");
  } catch (error) {
    output = JSON.stringify({ error: String(error) }); // the model reads it, and may try again
  }
  return { type: "function_call_output", call_id: call.call_id, output };
}

/** Answers calls that are not going to be run, as far as they came into the conversation. */
async function refuse(client: OpenAI, conversation: string, calls: Call[]): Promise<void> {
  const name = (item: object) => ("call_id" in item && item.call_id) || ("id" in item && item.id);
  const newest = await client.conversations.items.list(conversation, { order: "desc", limit: 100 });
  const there = new Set(newest.data.map(name));
  await store(client, conversation, calls.filter((call) => there.has(name(call))).map(refusal));
}

function refusal(call: Call): Item {
  if (call.type === "mcp_approval_request") {
    return { type: "mcp_approval_response", approval_request_id: call.id, approve: false };
  }
  const output = JSON.stringify({ error: "not run: the response that called it was cut short" });
  return { type: "function_call_output", call_id: call.call_id, output };
}

async function inTime<Result>(running: Promise<Result>): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no result after ${seconds} seconds`)), seconds * 1000);
  });
  return Promise.race([running, late]).finally(() => clearTimeout(timer));
}

/** Puts outputs into the conversation without asking the model again. */
async function store(client: OpenAI, conversation: string, items: Item[]): Promise<void> {
  for (let start = 0; start < items.length; start += 20) {
    await client.conversations.items.create(conversation, { items: items.slice(start, start + 20) });
  }
}
"""

_ROUTE = """\

// ---- what the browser sends and gets

type Question = { words: string; conversation: string | undefined; images: Source[]; files: Source[] };

function isSource(given: unknown): given is Source {
  const { id, url, name, data } = (given ?? {}) as Record<string, unknown>;
  return typeof (id ?? url) === "string" || (typeof name === "string" && typeof data === "string");
}

/** The question of a request's body, or nothing where it has another form. */
function question(body: unknown): Question | undefined {
  const { text: words, conversation, images = [], files = [] } = (body ?? {}) as Record<string, unknown>;
  if (typeof words !== "string" || words === "") return undefined;
  if (conversation !== undefined && typeof conversation !== "string") return undefined;
  if (!Array.isArray(images) || !images.every(isSource)) return undefined;
  if (!Array.isArray(files) || !files.every(isSource)) return undefined;
  return { words, conversation, images, files };
}

const expected =
  'expected {"text": "…", "conversation": "conv_…", "images": […], "files": […]}; all but the text may be left out';

/** The answer as server-sent events: `conversation` with its id, `text` with each piece, then `done` or `error`. */
async function* events({ words, conversation, images, files }: Question): AsyncGenerator<string> {
  const event = (name: string, data: object) => `event: ${name}\\ndata: ${JSON.stringify(data)}\\n\\n`;
  try {
    const client = new OpenAI();
    const id = conversation ?? (await client.conversations.create({})).id;
    yield event("conversation", { id });
    const parts = [text(words), ...images.map((one) => image(one)), ...files.map((one) => file(one))];
    for await (const piece of answer(client, id, [message(...parts)])) yield event("text", { delta: piece });
    yield event("done", {});
  } catch (error) {
    console.error(error); // the reason stays on the server
    yield event("error", { message: "The answer could not be completed." });
  }
}

const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};
"""

PROGRAM = (
    """\
// Streams answers with the settings of a former assistant, and answers the functions that the model calls.
// Needs: npm install openai, and OPENAI_API_KEY. Run it:
//
//   npx tsx FILE "your question" [conversation id] [--image PATH, URL or file id] [--file PATH, URL or file id]
//
// Or take its parts into your application, from config to answer().

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { parseArgs } from "node:util";

import OpenAI from "openai";

"""
    + _LOOP
    + """\

// ---- the command line

const kinds: Record<string, string> = {
  ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
  ".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown", ".csv": "text/csv",
  ".json": "application/json", ".html": "text/html",
};

async function found(name: string): Promise<Source> {
  if (/^(https?|data):/.test(name)) return { url: name };
  if (!existsSync(name)) return { id: name };
  const kind = kinds[extname(name).toLowerCase()] ?? "application/octet-stream";
  return { name: basename(name), data: `data:${kind};base64,${(await readFile(name)).toString("base64")}` };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { image: { type: "string", multiple: true }, file: { type: "string", multiple: true } },
});
const parts = [text(positionals[0] ?? "Hello!")];
for (const name of values.image ?? []) parts.push(image(await found(name)));
for (const name of values.file ?? []) parts.push(file(await found(name)));

const client = new OpenAI();
const conversation = positionals[1] ?? (await client.conversations.create({})).id;
try {
  for await (const piece of answer(client, conversation, [message(...parts)])) process.stdout.write(piece);
  console.error(`\\n(conversation ${conversation})`);
} catch (error) {
  console.error(`\\n${error} (conversation ${conversation})`);
  process.exitCode = 1;
}
"""
)

NEXT = (
    """\
// A route of Next.js (App Router) that streams answers with the settings of a former assistant, and answers the
// functions that the model calls. Save it as app/api/chat/route.ts. Needs: npm install openai, and OPENAI_API_KEY.
//
//   POST /api/chat {"text": "your question", "conversation": "conv_…", "images": [{"url": "https://…"}], "files": []}

import OpenAI from "openai";

export const runtime = "nodejs";
export const dynamic = "force-dynamic";

"""
    + _LOOP
    + _ROUTE
    + """\

export async function POST(request: Request): Promise<Response> {
  // Find out here who asks, and whether the conversation and the files are theirs: ids are not secrets.
  const asked = question(await request.json().catch(() => undefined));
  if (!asked) return Response.json({ error: expected }, { status: 400 });
  const encoder = new TextEncoder();
  let open = true;
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      for await (const event of events(asked)) if (open) controller.enqueue(encoder.encode(event));
      if (open) controller.close();
    },
    cancel() {
      open = false; // the reader has left; the answer goes on to its end, so that no call is left without output
    },
  });
  return new Response(body, { headers });
}
"""
)

EXPRESS = (
    """\
// A route of Express that streams answers with the settings of a former assistant, and answers the functions that the
// model calls. Needs: npm install openai express, and OPENAI_API_KEY. In your application: app.use("/api", router).
//
//   POST /api/chat {"text": "your question", "conversation": "conv_…", "images": [{"url": "https://…"}], "files": []}

import express from "express";
import OpenAI from "openai";

"""
    + _LOOP
    + _ROUTE
    + """\

export const router = express.Router();

router.post("/chat", express.json({ limit: "50mb" }), async (request, response) => {
  // Find out here who asks, and whether the conversation and the files are theirs: ids are not secrets.
  const asked = question(request.body);
  if (!asked) {
    response.status(400).json({ error: expected });
    return;
  }
  response.writeHead(200, headers);
  // A reader who leaves does not end the answer: no call may be left without output.
  for await (const event of events(asked)) if (!response.destroyed) response.write(event);
  response.end();
});
"""
)
