/** The client is that of openapi.json; that openapi.json is the gateway's is tested in Python, beside the gateway. */

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';
import { expect, it } from 'vitest';

it('has types that are as new as openapi.json', async () => {
  const made = await openapiTS(pathToFileURL('openapi.json'), { alphabetize: true });
  const kept = readFileSync('src/api/generated/schema.d.ts', 'utf-8');
  expect(`${COMMENT_HEADER}${astToString(made)}` === kept, 'make them anew: npm run api').toBe(true);
}, 60_000);
