// The realtime protocol as this page uses it: one WebSocket to the gateway. Shows nothing, plays nothing.

const OPEN_MS = 10000;
const RESUME_MS = 30000;
const RESUME_EVERY_MS = 500;
const OVER = [1000, 1005, 1008];

/** Where the gateway is: this host, at the port that the server of this page tells. http: its origin.  socket: its realtime address. */
export async function gatewayUrls() {
  const answer = await fetch("config.json", { cache: "no-store", credentials: "omit" });
  if (!answer.ok) throw new Error("The server of this page does not say where the gateway is.");
  const { gateway_port: port } = await answer.json();
  const secure = location.protocol === "https:" ? "s" : "";
  const host = `${location.hostname}:${Number(port)}`;
  return { http: `http${secure}://${host}`, socket: `ws${secure}://${host}/v1/realtime?extensions=true` };
}

/**
 * Connects with a credential of session.js. listeners: {event(message), broken(), closed(code, reason)}. Rejects when the handshake is refused.
 * A connection that breaks is made again, in the same conversation, for RESUME_MS: another process goes on with it.
 */
export async function connect(url, credential, listeners) {
  let socket = null;
  let conversation = null;
  let ended = false;
  const send = (message) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  const heard = (message) => {
    if (message.type === "session.created") conversation = message.session?.voiceagent?.conversation_id ?? null;
    listeners.event(message);
  };
  const lost = async (code, reason) => {
    if (ended || conversation === null || OVER.includes(code)) return listeners.closed(code, reason);
    listeners.broken?.();
    const address = `${url}&conversation_id=${encodeURIComponent(conversation)}`;
    for (const until = Date.now() + RESUME_MS; !ended && Date.now() < until; ) {
      try {
        socket = await opened(address, credential, heard, lost);
        if (ended) socket.close(1000);
        return undefined;
      } catch {
        await new Promise((again) => setTimeout(again, RESUME_EVERY_MS));
      }
    }
    return listeners.closed(code, reason);
  };
  socket = await opened(url, credential, heard, lost);
  return {
    append: (audio) => send({ type: "input_audio_buffer.append", audio }),
    played: (itemId, playedMs) => send({ type: "voiceagent.playback", item_id: itemId, played_ms: playedMs }),
    write: (text) => {
      const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
      send({ type: "conversation.item.create", item });
      send({ type: "response.create" });
    },
    cancel: () => send({ type: "response.cancel" }),
    close: () => {
      ended = true;
      socket.close(1000);
    },
  };
}

/** A socket on which session.created has arrived. */
async function opened(url, { protocols, address }, heard, lost) {
  const socket = new WebSocket(await address(url), protocols);
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => socket.close(), OPEN_MS);
    let open = false;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (!open && message.type === "session.created") {
        open = true;
        clearTimeout(late);
        resolve(socket);
      }
      heard(message);
    };
    socket.onclose = ({ code, reason }) => {
      clearTimeout(late);
      if (open) lost(code, reason);
      else reject(new Error("The gateway refused the connection. May you talk, and is the platform running?"));
    };
  });
}
