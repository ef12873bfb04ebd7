import { expect, it } from 'vitest';
import { afterwards, type CallView, type Happened, IDLE } from './call-view';
import { heardText, textOf } from './transcript';
import { type Reply, readEvent, type ServerEvent } from './wire';

const OPEN: readonly Happened[] = [
  { type: 'started' },
  told({ type: 'session.created', session: { voiceagent: { conversation_id: 'conv_1' } } }),
  { type: 'opened', microphone: 'on' },
];
const ANSWER = 'It opens at nine, and closes at six.';

function told(event: ServerEvent): Happened {
  return { type: 'told', event };
}

function seen(...happened: readonly Happened[]): CallView {
  return [...OPEN, ...happened].reduce(afterwards, IDLE);
}

function reply(status: Reply['status'], own: Reply['voiceagent'] = {}): Reply {
  const message = { id: 'item_2', type: 'message', role: 'assistant' };
  return { id: 'resp_1', status, output: status === 'in_progress' ? [] : [message], voiceagent: own };
}

const QUESTION: readonly Happened[] = [
  told({ type: 'input_audio_buffer.speech_started', item_id: 'item_1' }),
  told({ type: 'conversation.item.input_audio_transcription.delta', item_id: 'item_1', delta: 'When does' }),
  told({ type: 'input_audio_buffer.speech_stopped', item_id: 'item_1' }),
  told({
    type: 'conversation.item.input_audio_transcription.completed',
    item_id: 'item_1',
    transcript: 'When does it open?',
  }),
];
const SPOKEN: readonly Happened[] = [
  told({ type: 'response.created', response: reply('in_progress') }),
  told({
    type: 'conversation.item.added',
    item: { id: 'item_2', type: 'message', role: 'assistant', content: [] },
  }),
  words('It opens at nine', 0),
  words(', and closes at six.', 1.2),
  told({ type: 'response.output_audio.delta', item_id: 'item_2', delta: '' }),
];

function words(delta: string, start_time: number): Happened {
  return told({ type: 'response.output_audio_transcript.delta', item_id: 'item_2', delta, start_time });
}

function played(playedMs: number, done = false): Happened {
  return { type: 'played', played: { itemId: 'item_2', playedMs, done } };
}

it('opens, and knows its conversation', () => {
  expect(seen()).toMatchObject({ phase: 'open', activity: 'listening', conversationId: 'conv_1' });
  expect(OPEN.slice(0, 2).reduce(afterwards, IDLE).phase).toBe('starting');
});

it('shows a question while it is said, and its words once they are sure', () => {
  const growing = seen(...QUESTION.slice(0, 2));
  expect(growing.activity).toBe('hearing');
  expect(growing.lines.map(heardText)).toEqual(['When does']);
  expect(seen(...QUESTION).lines).toMatchObject([{ role: 'user', state: 'whole' }]);
  expect(seen(...QUESTION).lines.map(textOf)).toEqual(['When does it open?']);
  expect(seen(...QUESTION).activity).toBe('thinking');
});

it('shows an answer as it is heard, and all of it when it is over', () => {
  const started = seen(...QUESTION, ...SPOKEN, played(300));
  expect(started).toMatchObject({ activity: 'speaking', answering: true });
  expect(started.lines.map(heardText).at(-1)).toBe('It opens at nine');
  expect(afterwards(started, played(1150)).lines.map(heardText).at(-1)).toBe(ANSWER);
  const citation = { document_id: 'doc_1', title: 'Handbook', page: 3, start: 0, end: 9, quote: 'nine' };
  const own = {
    heard: ANSWER,
    citations: [citation, citation] as never[],
    timings: { first_audio_ms: 400 } as never,
  };
  const over = afterwards(started, told({ type: 'response.done', response: reply('completed', own) }));
  expect(over.lines.at(-1)).toMatchObject({ state: 'whole', citations: [citation], timings: own.timings });
  expect(over.activity, 'the loudspeaker still plays').toBe('speaking');
  expect(afterwards(over, played(2400, true))).toMatchObject({ activity: 'listening', speaking: null });
});

it('keeps of an interrupted answer what was heard, and the rest apart', () => {
  const interrupted = seen(
    ...SPOKEN,
    told({ type: 'input_audio_buffer.speech_started', item_id: 'item_3' }),
    told({ type: 'voiceagent.speaker', item_id: 'item_2', held: true }),
    told({ type: 'response.done', response: reply('cancelled', { heard: 'It opens' }) }),
  );
  expect(interrupted).toMatchObject({ activity: 'hearing', answering: false, speaking: null });
  expect(interrupted.lines[0]).toMatchObject({ state: 'cut', unheard: ' at nine, and closes at six.' });
  expect(interrupted.lines.map(heardText)).toEqual(['It opens']);
});

it('goes on after a cough', () => {
  const held = seen(...SPOKEN, told({ type: 'voiceagent.speaker', item_id: 'item_2', held: true }));
  expect(held.activity).toBe('hearing');
  expect(
    afterwards(held, told({ type: 'voiceagent.speaker', item_id: 'item_2', held: false })).activity,
  ).toBe('speaking');
});

it('tells what could not be made out, and drops what was taken back', () => {
  const failed = seen(
    told({ type: 'conversation.item.input_audio_transcription.failed', item_id: 'item_1' }),
  );
  expect(failed.lines[0]?.state).toBe('unclear');
  const noise = QUESTION.slice(2, 3).concat(
    told({ type: 'conversation.item.input_audio_transcription.failed', item_id: 'item_1' }),
  );
  expect(seen(...noise).activity, 'nothing is thought about').toBe('listening');
  expect(afterwards(failed, told({ type: 'conversation.item.deleted', item_id: 'item_1' })).lines).toEqual(
    [],
  );
});

it('tells of a failed answer until the next one begins', () => {
  const error = { code: 'llm_unavailable', message: 'away' };
  const response = { ...reply('failed'), output: [], status_details: { error } };
  const failed = seen(...SPOKEN.slice(0, 1), told({ type: 'response.done', response }));
  expect(failed.problem).toMatchObject({ code: 'llm_unavailable', message: 'away' });
  expect(failed).toMatchObject({ activity: 'listening', answering: false });
  expect(seen(told({ type: 'error', error }), ...SPOKEN).problem).toBeNull();
  const late = { code: 'response_cancel_not_active', message: '' };
  expect(seen(told({ type: 'error', error: late })).problem).toBeNull();
});

it('says that a slow answer is still worked on', () => {
  const slow = seen(...QUESTION, told({ type: 'voiceagent.working' }));
  expect(slow.slow).toBe(true);
  expect([...SPOKEN].reduce(afterwards, slow).slow).toBe(false);
});

it('loses the connection, goes on in the same conversation, and ends', () => {
  const broken = seen(...SPOKEN, played(300), { type: 'broken' });
  expect(broken).toMatchObject({ phase: 'broken', answering: false, speaking: null });
  expect(broken.lines[0]).toMatchObject({ state: 'cut', unheard: ', and closes at six.' });
  const again = afterwards(broken, OPEN[1] as Happened);
  expect(again).toMatchObject({ phase: 'open', conversationId: 'conv_1' });
  const ended = afterwards(again, { type: 'ended', problem: null });
  expect(ended).toMatchObject({ phase: 'ended', conversationId: 'conv_1', microphone: 'off' });
  expect(ended.lines.length).toBe(1);
  expect(afterwards(ended, { type: 'started' })).toMatchObject({ phase: 'starting', lines: [] });
});

it('leaves alone what it does not know', () => {
  const view = seen(...SPOKEN);
  expect(afterwards(view, told({ type: 'constructor' } as never))).toBe(view);
  expect(afterwards(view, SPOKEN[4] as Happened), 'more sound of the same answer').toBe(view);
  expect(readEvent('[]')).toBeNull();
  expect(readEvent(new Blob())).toBeNull();
});
