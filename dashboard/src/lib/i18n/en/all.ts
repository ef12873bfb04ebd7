/** All English strings. The keys of this object are the keys that there are. */

import { account } from './account';
import { agents } from './agents';
import { analytics } from './analytics';
import { app } from './app';
import { audit } from './audit';
import { collections } from './collections';
import { conversations } from './conversations';
import { documents } from './documents';
import { errors } from './errors';
import { health } from './health';
import { keys } from './keys';
import { privacy } from './privacy';
import { providers } from './providers';
import { scopes } from './scopes';
import { settings } from './settings';
import { signIn } from './sign-in';
import { talk } from './talk';
import { users } from './users';

export const en = {
  ...app,
  ...errors,
  ...signIn,
  ...health,
  ...conversations,
  ...documents,
  ...talk,
  ...agents,
  ...scopes,
  ...users,
  ...keys,
  ...analytics,
  ...account,
  ...audit,
  ...providers,
  ...settings,
  ...collections,
  ...privacy,
} as const;
