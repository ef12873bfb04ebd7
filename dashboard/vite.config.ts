/// <reference types="vitest/config" />
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '@': here('./src'), '@tests': here('./tests') } },
  build: {
    outDir: here('../src/voiceagent/page_dist'),
    emptyOutDir: true,
    // The policy of the server allows images and scripts from the server itself alone: nothing as a data: URL, nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2023',
    sourcemap: false,
    chunkSizeWarningLimit: 400,
    rolldownOptions: {
      output: {
        codeSplitting: {
          // qr is needed on one page alone.
          groups: [{ name: 'vendor', test: /node_modules\/(?!qr\/)/ }],
        },
      },
    },
  },
  server: {
    port: 3100,
    strictPort: true,
    // A platform that runs beside it says where its gateway is.
    proxy: Object.fromEntries(
      ['/config.json', '/health/'].map((path) => [
        path,
        process.env.VOICEAGENT_DASHBOARD ?? 'http://127.0.0.1:3000',
      ]),
    ),
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['./tests/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}', 'tests/**/*.test.{ts,tsx}'],
    css: { modules: { classNameStrategy: 'non-scoped' } },
    // A bound against standing still, not a measure: a page's code is compiled when it is first opened, and the machine
    // may be doing much else.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
});
