// The realtime protocol as this page uses it: one WebSocket to the gateway. Shows nothing, plays nothing.

const OPEN_MS = 10000;

/** Where the gateway is: this host, at the port that the server of this page tells. */
export async function gatewayUrl() {
  const answer = await fetch("config.json", { cache: "no-store", credentials: "omit" });
  if (!answer.ok) throw new Error("The server of this page does not say where the gateway is.");
  const { gateway_port: port } = await answer.json();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.hostname}:${Number(port)}/v1/realtime?extensions=true`;
}

/** Connects. listeners: {event(message), closed(code, reason)}. Rejects when the handshake is refused. */
export function connect(url, key, listeners) {
  const socket = new WebSocket(url, ["realtime", `openai-insecure-api-key.${key}`]);
  const send = (message) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  const client = {
    append: (audio) => send({ type: "input_audio_buffer.append", audio }),
    played: (itemId, playedMs) => send({ type: "voiceagent.playback", item_id: itemId, played_ms: playedMs }),
    write: (text) => {
      const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
      send({ type: "conversation.item.create", item });
      send({ type: "response.create" });
    },
    cancel: () => send({ type: "response.cancel" }),
    close: () => socket.close(1000),
  };
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => socket.close(), OPEN_MS);
    let open = false;
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (!open && message.type === "session.created") {
        open = true;
        clearTimeout(late);
        resolve(client);
      }
      listeners.event(message);
    };
    socket.onclose = ({ code, reason }) => {
      clearTimeout(late);
      if (open) listeners.closed(code, reason);
      else reject(new Error("The gateway refused the connection. Is the key right, and is the platform running?"));
    };
  });
}
