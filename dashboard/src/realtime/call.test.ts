import { waitFor } from '@testing-library/react';
import { fakeMedia, type Media } from '@tests/media';
import { afterEach, expect, it, vi } from 'vitest';
import { ApiProblem } from '@/api/problem';
import { Call } from './call';

const address = async (conversationId: string | null) => `ws://gateway.test/?${conversationId ?? 'new'}`;

afterEach(() => vi.useRealTimers());

async function opened(media: Media): Promise<Call> {
  const call = new Call();
  const started = call.start(address, true);
  await waitFor(() => expect(media.sockets.length).toBe(1));
  media.sockets[0]?.stand();
  await started;
  return call;
}

it('sends what the microphone hears, plays what comes, and reports what was played', async () => {
  const media = fakeMedia();
  const call = await opened(media);
  const socket = media.sockets[0];
  expect(call.view).toMatchObject({ phase: 'open', microphone: 'on', conversationId: 'conv_1' });
  const levels: number[] = [];
  call.onLevel((level) => levels.push(level));
  media.node('microphone').port.onmessage?.({ data: { pcm: new Int16Array([1, 2]).buffer, level: 0.2 } });
  expect(socket?.sent).toEqual([{ type: 'input_audio_buffer.append', audio: 'AQACAA==' }]);
  expect(levels).toEqual([0.2]);
  socket?.tell({ type: 'response.output_audio.delta', item_id: 'item_2', delta: 'AQACAA==' });
  const speaker = media.node('speaker').port;
  expect(speaker.postMessage.mock.lastCall?.[0]).toMatchObject({ kind: 'push', itemId: 'item_2' });
  speaker.onmessage?.({ data: { itemId: 'item_2', playedMs: 100, done: false } });
  expect(socket?.sent.at(-1)).toEqual({
    type: 'voiceagent.playback',
    item_id: 'item_2',
    played_ms: 100,
  });
  socket?.tell({ type: 'voiceagent.speaker', item_id: 'item_2', held: true });
  expect(speaker.postMessage.mock.lastCall?.[0]).toEqual({ kind: 'hold' });
  socket?.tell({ type: 'response.done', response: { id: 'r', status: 'cancelled', output: [] } });
  expect(speaker.postMessage.mock.lastCall?.[0]).toEqual({ kind: 'flush' });
});

it('mutes, asks in writing in place of an answer, and lets go of everything at the end', async () => {
  const media = fakeMedia();
  const call = await opened(media);
  const socket = media.sockets[0];
  call.mute(true);
  expect(media.node('microphone').port.postMessage).toHaveBeenCalledWith({ muted: true });
  socket?.tell({ type: 'response.created', response: { id: 'r', status: 'in_progress', output: [] } });
  call.write('<b>hello</b>');
  expect(socket?.sent.map((one) => one.type)).toEqual([
    'response.cancel',
    'conversation.item.create',
    'response.create',
  ]);
  call.end();
  expect(socket?.closedWith).toBe(1000);
  expect(media.track.stop).toHaveBeenCalled();
  await waitFor(() => expect(media.open()).toBe(0));
  expect(call.view).toMatchObject({ phase: 'ended', problem: null, conversationId: 'conv_1' });
});

it('goes on in the same conversation when the connection breaks', async () => {
  const media = fakeMedia();
  const call = await opened(media);
  media.sockets[0]?.drop(1013, 'service_unavailable');
  expect(call.view.phase).toBe('broken');
  await waitFor(() => expect(media.sockets.length).toBe(2));
  expect(media.sockets[1]?.url).toBe('ws://gateway.test/?conv_1');
  media.sockets[1]?.stand();
  await waitFor(() => expect(call.view.phase).toBe('open'));
  call.write('again');
  expect(media.sockets[1]?.sent.length).toBe(2);
  call.end();
});

it('leaves a gateway that owes an answer and says nothing, and waits for one that works', async () => {
  const media = fakeMedia();
  const call = await opened(media);
  vi.useFakeTimers();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(call.view.phase, 'nobody asked anything').toBe('open');
  const response = { id: 'r', status: 'in_progress', output: [] };
  media.sockets[0]?.tell({ type: 'response.created', response });
  for (let seconds = 0; seconds < 20; seconds += 2) {
    await vi.advanceTimersByTimeAsync(2000);
    media.sockets[0]?.tell({ type: 'voiceagent.working' });
  }
  expect(call.view).toMatchObject({ phase: 'open', slow: true });
  await vi.advanceTimersByTimeAsync(8000);
  expect(call.view.phase).toBe('broken');
  expect(media.sockets.length).toBe(2);
  media.sockets[1]?.stand();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(call.view.phase).toBe('open');
  call.end();
});

it('gives up after half a minute, and says so', async () => {
  const media = fakeMedia();
  const call = await opened(media);
  vi.useFakeTimers();
  media.sockets[0]?.drop(1006);
  for (let tries = 0; tries < 70; tries += 1) {
    media.sockets.at(-1)?.drop(1006);
    await vi.advanceTimersByTimeAsync(500);
  }
  expect(call.view).toMatchObject({ phase: 'ended', problem: { code: 'call_lost' } });
  expect(media.sockets.length).toBeGreaterThan(30);
});

it('does not go on without the right to', async () => {
  const media = fakeMedia();
  const call = await opened(media);
  media.sockets[0]?.drop(1008, 'session_ended');
  expect(call.view).toMatchObject({ phase: 'ended', problem: { code: 'call_rights_ended' } });
  expect(media.sockets.length).toBe(1);
});

it('tells a refusal of the gateway, of the ticket and of the microphone', async () => {
  const media = fakeMedia();
  const call = new Call();
  const refused = call.start(address, true);
  await waitFor(() => expect(media.sockets.length).toBe(1));
  media.sockets[0]?.drop(1006);
  await refused;
  expect(call.view.problem?.code).toBe('call_refused');
  const denied = new ApiProblem({ status: 403, code: 'insufficient_scope', detail: 'no' });
  await call.start(() => Promise.reject(denied), true);
  expect(call.view.problem).toBe(denied);
  fakeMedia('NotFoundError');
  await call.start(address, true);
  expect(call.view).toMatchObject({ phase: 'ended', problem: { code: 'microphone_missing' } });
  fakeMedia('none');
  await call.start(address, true);
  expect(call.view.problem?.code).toBe('microphone_insecure');
  await waitFor(() => expect(media.open()).toBe(0));
});

it('opens nothing more when it is ended while it starts', async () => {
  const media = fakeMedia();
  const call = new Call();
  const started = call.start(address, true);
  call.end();
  await started;
  expect(media.sockets).toEqual([]);
  await waitFor(() => expect(media.open()).toBe(0));
  expect(call.view).toMatchObject({ phase: 'ended', problem: null });
});

it('goes on in writing when the microphone is unplugged', async () => {
  const media = fakeMedia();
  const call = await opened(media);
  media.track.onended?.();
  expect(call.view).toMatchObject({ phase: 'open', microphone: 'lost' });
  call.end();
});
