/** What jsdom lacks and tests need. */

import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterEach } from 'vitest';

afterEach(cleanup);

// What is waited for may take its time on a busy machine; vite.config.ts bounds the whole test.
configure({ asyncUtilTimeout: 20_000 });

// jsdom knows <dialog> but not how to open one over the page.
HTMLDialogElement.prototype.showModal ??= function showModal(this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close ??= function close(this: HTMLDialogElement) {
  this.open = false;
};
window.scrollTo = () => undefined;
