/** The beginning: appearance, language, where the gateway is, who is signed in; then the application. */

import './styles/tokens.css';
import './styles/base.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { loadConfig } from '@/api/config';
import { Session } from '@/api/session';
import { I18nProvider } from '@/lib/i18n/i18n-provider';
import { isLanguage, loadMessages, preferred } from '@/lib/i18n/messages';
import { preference } from '@/lib/preferences';
import { applyScheme, keptScheme } from '@/lib/scheme';
import { App } from './app';
import { makeQueryClient } from './query-client';
import { makeRouter } from './router';
import { Unreachable } from './unreachable';

applyScheme(keptScheme());
const place = document.getElementById('root');
if (place) void start(createRoot(place));

async function start(root: ReturnType<typeof createRoot>): Promise<void> {
  const kept = preference('language');
  const language = isLanguage(kept) ? kept : preferred(navigator.languages);
  const messages = await loadMessages(language);
  try {
    const { gateway, oidc } = await loadConfig();
    const session = new Session(gateway);
    await session.restore();
    const services = { session, api: session.api, queryClient: makeQueryClient(), oidc };
    const router = makeRouter(services);
    root.render(
      <StrictMode>
        <App services={services} router={router} language={language} messages={messages} />
      </StrictMode>,
    );
  } catch {
    root.render(
      <I18nProvider language={language} messages={messages}>
        <Unreachable />
      </I18nProvider>,
    );
  }
}
