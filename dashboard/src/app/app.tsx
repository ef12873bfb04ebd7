/** Puts the parts together: language, services, cache, router. */

import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { I18nProvider } from '@/lib/i18n/i18n-provider';
import type { Language, Messages } from '@/lib/i18n/messages';
import { keepPreference } from '@/lib/preferences';
import { type Services, ServicesContext } from '@/lib/services';
import type { makeRouter } from './router';

interface Props {
  readonly services: Services;
  readonly router: ReturnType<typeof makeRouter>;
  readonly language: Language;
  readonly messages: Messages;
}

const keepLanguage = (language: Language) => keepPreference('language', language);

export function App({ services, router, language, messages }: Props) {
  return (
    <I18nProvider language={language} messages={messages} onChange={keepLanguage}>
      <ServicesContext value={services}>
        <QueryClientProvider client={services.queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </ServicesContext>
    </I18nProvider>
  );
}
