/** What is going on in a call, in one word. Pure. */

import type { CallView } from '@/realtime/call-view';

export function activityOf(view: CallView) {
  if (view.phase === 'ended') return view.conversationId ? 'ended' : 'idle';
  if (view.phase !== 'open') return view.phase;
  if (view.activity === 'thinking' && view.slow) return 'slow';
  if (view.activity !== 'listening') return view.activity;
  if (view.microphone !== 'on') return 'writing';
  return view.muted ? 'muted' : 'listening';
}
