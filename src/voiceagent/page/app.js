// The talk page: joins microphone, loudspeaker, protocol and view into one conversation.

import { connect, gatewayUrls } from "./realtime.js";
import { keyHolder, signIn } from "./session.js";
import { fromBase64, openMicrophone, openSpeaker, toBase64 } from "./sound.js";
import { showCall, showLevel, showProblem, showState, showTimings, Transcript } from "./view.js";

const KEY_NAME = "voiceagent.key";
const find = (id) => document.getElementById(id);
const transcript = new Transcript();

let call = null; // {client, microphone, speaker, muted, answering, speakingItem}

const handlers = {
  "session.created": () => showState(call.muted ? "muted" : "listening"),
  "input_audio_buffer.speech_started": () => showState("hearing"),
  "input_audio_buffer.speech_stopped": () => showState("thinking"),
  "conversation.item.added": ({ item }) => {
    if (item.type !== "message" || item.role === "system") return;
    const text = item.content.map((part) => part.text ?? part.transcript ?? "").join("");
    if (text === "") transcript.append(item.id, item.role, "");
    else transcript.set(item.id, item.role, text);
  },
  "conversation.item.deleted": ({ item_id: itemId }) => transcript.drop(itemId),
  "conversation.item.input_audio_transcription.delta": ({ item_id: itemId, delta }) => transcript.append(itemId, "user", delta),
  "conversation.item.input_audio_transcription.completed": ({ item_id: itemId, transcript: text }) => transcript.set(itemId, "user", text),
  "conversation.item.input_audio_transcription.failed": ({ item_id: itemId }) => transcript.set(itemId, "user", "(not understood)"),
  "response.created": () => {
    call.answering = true;
    showState("thinking");
  },
  "response.output_audio_transcript.delta": ({ item_id: itemId, delta }) => transcript.append(itemId, "assistant", delta),
  "response.output_text.delta": ({ item_id: itemId, delta }) => transcript.append(itemId, "assistant", delta),
  "response.output_audio.delta": ({ item_id: itemId, delta }) => {
    call.speaker.push(itemId, fromBase64(delta));
    call.speakingItem = itemId;
    showState("speaking");
  },
  "response.output_audio.done": ({ item_id: itemId }) => call.speaker.end(itemId),
  "voiceagent.speaker": ({ held }) => {
    // Somebody speaks: silence at once. The server decides whether it was an interruption or a cough.
    if (held) call.speaker.hold();
    else call.speaker.release();
    showState(held ? "hearing" : "speaking");
  },
  "response.done": ({ response }) => answered(response),
  error: ({ error }) => {
    if (error.code !== "response_cancel_not_active") showProblem(error.message);
  },
};

function answered(response) {
  call.answering = false;
  const own = response.voiceagent ?? {};
  const message = response.output.find((item) => item.type === "message");
  if (response.status === "cancelled") {
    call.speaker.flush();
    call.speakingItem = null;
    if (message) transcript.cut(message.id, own.heard ?? "");
  } else {
    call.speaker.release();
    if (message) transcript.sources(message.id, own.citations ?? []);
  }
  if (response.status === "failed") showProblem(response.status_details?.error?.message ?? "The answer failed.");
  if (own.timings) showTimings(own.timings);
  if (call.speakingItem === null) showState(call.muted ? "muted" : "listening");
}

function played({ itemId, playedMs, done }) {
  if (call === null) return;
  call.client.played(itemId, playedMs);
  if (done && itemId === call.speakingItem) {
    call.speakingItem = null;
    showState(call.muted ? "muted" : "listening");
  }
}

async function start(credentialAt) {
  showProblem("");
  transcript.clear();
  enable(false);
  const speaker = await openSpeaker(played); // first: browsers allow sound only from a click
  let microphone = null;
  let client = null;
  try {
    const early = [];
    const event = (message) => (call === null ? early.push(message) : handlers[message.type]?.(message));
    const gateway = await gatewayUrls();
    client = await connect(gateway.socket, await credentialAt(gateway.http), { event, broken, closed });
    microphone = await openMicrophone((pcm, level) => {
      client.append(toBase64(pcm));
      showLevel(level);
    });
    call = { client, microphone, speaker, muted: false, answering: false, speakingItem: null };
    showCall(true);
    showState("listening");
    early.forEach(event);
    find("text").focus();
  } catch (error) {
    client?.close();
    await speaker.close();
    if (error.code === "second_factor_needed") askForCode();
    showProblem(error.name === "NotAllowedError" ? "The browser may not use the microphone." : error.message);
  } finally {
    enable(true);
  }
}

function enable(on) {
  for (const id of ["start", "sign-in"]) find(id).disabled = !on;
}

function askForCode() {
  find("code-row").hidden = false;
  find("code").focus();
}

/** The connection broke and is being made again; what was being said is said anew. */
function broken() {
  if (call === null) return;
  call.answering = false;
  call.speakingItem = null;
  call.speaker.flush();
  showState("thinking");
}

async function closed(code, reason) {
  const ended = call;
  call = null;
  showState("off");
  showCall(false);
  showLevel(0);
  if (code !== 1000 && code !== 1005) showProblem(`The conversation ended (${reason || code}).`);
  if (ended) await Promise.all([ended.microphone.close(), ended.speaker.close()]);
}

let signedIn = null;

async function signedInAt(gateway) {
  signedIn ??= await signIn(gateway, find("email").value.trim(), find("password").value, find("code").value.trim());
  find("password").value = "";
  find("code").value = "";
  find("person").hidden = true;
  find("sign-out").hidden = false;
  return signedIn;
}

find("by-password").addEventListener("submit", (event) => {
  event.preventDefault();
  start(signedInAt);
});

find("sign-out").addEventListener("click", async () => {
  const leaving = signedIn;
  signedIn = null;
  find("person").hidden = false;
  find("sign-out").hidden = true;
  try {
    await leaving.signOut();
  } catch (error) {
    showProblem(error.message);
  }
});

find("by-key").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = find("key").value.trim();
  if (find("keep").checked) sessionStorage.setItem(KEY_NAME, key);
  else sessionStorage.removeItem(KEY_NAME);
  start(async () => keyHolder(key));
});

find("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = find("text").value.trim();
  if (text === "" || call === null) return;
  if (call.answering) call.client.cancel();
  call.client.write(text);
  find("text").value = "";
});

find("mute").addEventListener("click", () => {
  call.muted = !call.muted;
  call.microphone.mute(call.muted);
  find("mute").setAttribute("aria-pressed", String(call.muted));
  if (call.speakingItem === null) showState(call.muted ? "muted" : "listening");
});

find("end").addEventListener("click", () => call?.client.close());

const kept = sessionStorage.getItem(KEY_NAME);
if (kept) {
  find("key").value = kept;
  find("keep").checked = true;
  find("other-way").open = true;
}
