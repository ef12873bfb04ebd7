/** Where a call connects: the gateway's realtime socket, with a one-time ticket of the session that is signed in. */

import { bodyOf } from '@/api/client';
import type { Session } from '@/api/session';

export interface CallWanted {
  /** '' for the default agent. */
  readonly agentId: string;
  /** A conversation that goes on, or null for a new one. */
  readonly conversationId: string | null;
}

/** An address for one connection. Throws an ApiProblem when the gateway gives no ticket. */
export async function callAddress(session: Session, wanted: CallWanted): Promise<string> {
  const body = { agent_id: wanted.agentId };
  const { ticket } = await bodyOf(session.api.POST('/api/v1/voice/tickets', { body }));
  const url = new URL('/v1/realtime', session.gateway);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.searchParams.set('extensions', 'true');
  if (wanted.conversationId) url.searchParams.set('conversation_id', wanted.conversationId);
  url.searchParams.set('ticket', ticket);
  return url.href;
}
