// Who talks: a person who signs in (a cookie that scripts cannot read, and one-time tickets), or an API key. Shows nothing, keeps nothing.

/** The credential of an API key: how a socket is opened with it. */
export function keyHolder(key) {
  return { protocols: ["realtime", `openai-insecure-api-key.${key}`], address: async (url) => url };
}

/** Signs in at the gateway (an http or https origin). Throws an Error with a `code` when refused. */
export async function signIn(gateway, email, password, code) {
  const told = await posted(gateway, "/api/v1/auth/login", { email, password, code, cookie: true });
  const csrf = { "x-csrf-token": told.csrf_token };
  return {
    protocols: ["realtime"],
    /** The address of a socket with a fresh ticket in it. */
    address: async (url) => {
      const { ticket } = await posted(gateway, "/api/v1/voice/tickets", {}, csrf);
      return `${url}&ticket=${encodeURIComponent(ticket)}`;
    },
    signOut: () => posted(gateway, "/api/v1/auth/logout", {}, csrf),
  };
}

async function posted(gateway, path, body, headers = {}) {
  const answer = await fetch(gateway + path, {
    method: "POST",
    credentials: "include",
    cache: "no-store",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const told = text === "" ? {} : JSON.parse(text);
  if (answer.ok) return told;
  throw Object.assign(new Error(told.detail ?? "The gateway refused."), { code: told.code ?? "" });
}
