import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { fakeMedia, type Media } from '@tests/media';
import { type Answers, expectAccessible, openPage, problem } from '@tests/rig';
import { expect, it } from 'vitest';

const AGENT = { agent_id: 'default', name: 'Assistant' };
const OTHER = { agent_id: 'agent_b', name: '<b>Librarian</b>' };
const answers: Answers = {
  'GET /api/v1/agents': { agents: [AGENT, OTHER] },
  'POST /api/v1/voice/tickets': { ticket: 'ticket_1', expires_in: 60 },
};
const CITED = { document_id: 'doc_1', title: 'Handbook', page: 3, start: 0, end: 4, quote: 'opens at nine' };

async function talking(media: Media) {
  await userEvent.click(await screen.findByRole('button', { name: 'Start talking' }));
  await waitFor(() => expect(media.sockets.length).toBe(1));
  await act(async () => media.sockets[0]?.stand());
  const tell = (...events: object[]) => act(async () => media.sockets[0]?.tell(...events));
  return { tell, socket: media.sockets[0] };
}

function done(status: string, own: object) {
  const message = { id: 'item_2', type: 'message', role: 'assistant' };
  return { type: 'response.done', response: { id: 'r', status, output: [message], voiceagent: own } };
}

it('calls the chosen agent with a ticket, shows both sides with sources and times, and ends', async () => {
  const media = fakeMedia();
  const { requests } = await openPage('/talk?agent=agent_b', { answers });
  expect(await screen.findByLabelText('Agent')).toHaveDisplayValue('<b>Librarian</b>');
  expect(screen.getByText('Nothing has been said yet')).toBeInTheDocument();
  await expectAccessible();
  const { tell, socket } = await talking(media);
  expect(socket?.url).toBe('ws://gateway.test/v1/realtime?extensions=true&ticket=ticket_1');
  const asked = requests.find((one) => one.url.endsWith('/tickets'));
  expect(await asked?.json()).toEqual({ agent_id: 'agent_b' });
  expect(screen.getByText('Listening')).toBeInTheDocument();
  await tell(
    {
      type: 'conversation.item.input_audio_transcription.completed',
      item_id: 'item_1',
      transcript: '<img src=x>',
    },
    { type: 'response.created', response: { id: 'r', status: 'in_progress', output: [] } },
    { type: 'response.output_audio_transcript.delta', item_id: 'item_2', delta: 'At nine.', start_time: 0 },
    done('completed', { heard: 'At nine.', citations: [CITED], timings: { first_audio_ms: 410 } }),
  );
  const log = screen.getByRole('log', { name: 'Transcript' });
  expect(within(log).getByText('<img src=x>')).toBeInTheDocument();
  expect(within(log).getByText('At nine.')).toBeInTheDocument();
  const link = within(log).getByRole('link', { name: 'Handbook', hidden: true });
  expect(link).toHaveAttribute('href', '/documents/doc_1?page=3');
  expect(link).toHaveAttribute('target', '_blank');
  expect(within(log).getByText('First sound after 410 ms')).toBeInTheDocument();
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'End the call' }));
  expect(screen.getByRole('button', { name: 'Start talking' })).toHaveFocus();
  expect(screen.getByRole('link', { name: 'Open the conversation' })).toHaveAttribute(
    'href',
    '/conversations/conv_1',
  );
  await expectAccessible();
});

it('strikes out what was not heard, mutes and sends what is written', async () => {
  const media = fakeMedia();
  await openPage('/talk', { answers });
  const { tell, socket } = await talking(media);
  await tell(
    { type: 'response.output_text.delta', item_id: 'item_2', delta: 'It is sunny today.' },
    done('cancelled', { heard: 'It is' }),
  );
  expect(screen.getByText('sunny today.').tagName).toBe('DEL');
  expect(screen.getByText('Interrupted')).toBeInTheDocument();
  await userEvent.click(screen.getByRole('button', { name: 'Mute' }));
  expect(screen.getByRole('button', { name: 'Mute' })).toHaveAttribute('aria-pressed', 'true');
  await userEvent.type(screen.getByLabelText('Write instead of speaking'), ' <b>Hello</b> {Enter}');
  expect(socket?.sent.at(-2)).toMatchObject({ item: { content: [{ text: '<b>Hello</b>' }] } });
  await act(async () => socket?.drop(1006));
  expect(screen.getByText('Connecting again…')).toBeInTheDocument();
  expect(screen.getByRole('button', { name: 'Send' })).toBeDisabled();
});

it('says why there is no microphone, and goes on without one', async () => {
  const media = fakeMedia('NotAllowedError');
  await openPage('/talk', { answers });
  await userEvent.click(await screen.findByRole('button', { name: 'Start talking' }));
  expect(await screen.findByRole('alert')).toHaveTextContent(
    /may not use the microphone.*microphone_refused/,
  );
  await expectAccessible();
  await userEvent.click(screen.getByRole('button', { name: 'Go on in writing' }));
  await waitFor(() => expect(media.sockets.length).toBe(1));
  await act(async () => media.sockets[0]?.stand());
  expect(screen.getByText('Ready for what you write')).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Mute' })).not.toBeInTheDocument();
});

it('tells the refusal of a ticket with its code and request', async () => {
  fakeMedia();
  const refused = () => problem(429, 'too_many_calls');
  await openPage('/talk', { answers: { ...answers, 'POST /api/v1/voice/tickets': refused } });
  await userEvent.click(await screen.findByRole('button', { name: 'Start talking' }));
  expect(await screen.findByRole('alert')).toHaveTextContent(/too_many_calls.*req_1/);
});

it('asks nothing of agents without the right to, links to no conversation, and ends with the page', async () => {
  const media = fakeMedia();
  const { requests, router } = await openPage('/talk/', { scopes: ['talk'], answers });
  const { socket } = await talking(media);
  expect(requests.some((one) => one.url.includes('/agents'))).toBe(false);
  await act(async () => router.navigate({ to: '/nowhere' as never }));
  expect(socket?.closedWith).toBe(1000);
  expect(media.track.stop).toHaveBeenCalled();
});

it('is closed to those who may not talk', async () => {
  await openPage('/talk', { scopes: ['conversations:read'] });
  expect(await screen.findByText('Not yours to see')).toBeInTheDocument();
  expect(screen.queryByRole('link', { name: 'Talk' })).not.toBeInTheDocument();
});

it('offers a call even when the agents cannot be loaded', async () => {
  await openPage('/talk', { answers: { 'GET /api/v1/agents': () => problem(503, 'store_unavailable') } });
  expect(await screen.findByRole('alert')).toHaveTextContent('store_unavailable');
  expect(screen.getByRole('button', { name: 'Start talking' })).toBeEnabled();
});

it('begins in writing without asking for the microphone', async () => {
  const media = fakeMedia();
  await openPage('/talk', { answers });
  await userEvent.click(await screen.findByRole('button', { name: 'Begin in writing' }));
  await waitFor(() => expect(media.sockets.length).toBe(1));
  await act(async () => media.sockets[0]?.stand());
  expect(await screen.findByLabelText('Write instead of speaking')).toBeEnabled();
  expect(screen.getByText(/^This call has no microphone/)).toBeInTheDocument();
  expect(screen.queryByText('Nothing has been said yet')).not.toBeInTheDocument();
});
