// Calls of the console, with the token of this tab. Nothing of it is stored beyond the tab.

const API = "api/";
const TOKEN = "tieback-token";

export const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? "",
  set: (value) => (value ? sessionStorage.setItem(TOKEN, value) : sessionStorage.removeItem(TOKEN)),
};

/** An error that the server gave, or that there is none. */
export class Failure extends Error {
  constructor(status, told, requestId) {
    super(told?.message ?? (status ? `the server answered ${status}` : "the server does not answer"));
    this.status = status;
    this.field = told?.param ?? "";
    this.requestId = told?.request_id ?? requestId ?? "";
  }
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  let response;
  try {
    response = await fetch(API + path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0);
  }
  if (response.ok) return response;
  let told = null;
  try { told = (await response.json()).error; } catch { /* a proxy may answer in its own words */ }
  throw new Failure(response.status, told, response.headers.get("x-request-id"));
}

const query = (values) => new URLSearchParams(values).toString();

export const get = async (path, values = {}) => (await call(`${path}?${query(values)}`)).json();

const post = (path, body, signal) =>
  call(path, { method: "POST", body: JSON.stringify(body), signal, headers: { "content-type": "application/json" } });

export const vote = async (body) => (await post("votes", body)).json();

/** Each line of an answer as it comes. */
export async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    rest += value ?? "";
    const whole = rest.split("\n");
    rest = done ? "" : whole.pop();
    for (const line of whole) if (line.trim()) yield JSON.parse(line);
    if (done) return;
  }
}

export const ask = async (kind, body, signal) => lines(await post(kind, body, signal));
export const kept = async (id) => lines(await call(`requests/${encodeURIComponent(id)}`));

const urls = new Map();

/** The address of a picture or a sound of a hit, within this page. */
export async function original(collection, item, section) {
  const key = query({ collection, item, section });
  if (!urls.has(key)) {
    const made = call(`original?${key}`).then(async (response) => URL.createObjectURL(await response.blob()));
    made.catch(() => urls.delete(key));
    urls.set(key, made);
    if (urls.size > 200) forget(urls.keys().next().value);
  }
  return urls.get(key);
}

function forget(key) {
  urls.get(key)?.then((url) => URL.revokeObjectURL(url), () => {});
  urls.delete(key);
}

export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Failure(0, { message: "the file cannot be read" }));
    reader.readAsDataURL(file);
  });
}
