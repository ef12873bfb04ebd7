/** The import rule: app > features > realtime > components > lib > api, downward only; features do not know each other. */

import { describe, expect, it } from 'vitest';
import { sourceFiles } from './source-tree';

const LAYERS = ['app', 'features', 'realtime', 'components', 'lib', 'api'];
const MOST_LINES = 250;

/** What is wrong with an import, or nothing. */
function fault(from: string, to: string): string | undefined {
  const [fromLayer = '', fromFeature] = from.split('/');
  const [toLayer = '', toFeature] = to.split('/');
  const [above, below] = [LAYERS.indexOf(fromLayer), LAYERS.indexOf(toLayer)];
  if (above < 0 || below < 0) return `${from} -> ${to}: no such layer`;
  if (above > below) return `${from} -> ${to}: upward`;
  if (fromLayer === 'features' && toLayer === 'features' && fromFeature !== toFeature) {
    return `${from} -> ${to}: between features`;
  }
  return undefined;
}

describe('the source tree', () => {
  const files = sourceFiles().filter((file) => !file.path.includes('.test.'));

  it('imports downward only, and no feature from another', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.flatMap((file) => file.imports.map((to) => fault(file.path, to)).filter(Boolean))).toEqual(
      [],
    );
  });

  it('knows a wrong import when it sees one', () => {
    expect(fault('features/health/health-page.tsx', 'features/documents/queries')).toContain('between');
    expect(fault('components/button.tsx', 'features/health/queries')).toContain('upward');
    expect(fault('lib/formats.ts', 'components/button')).toContain('upward');
    expect(fault('features/health/health-page.tsx', 'features/health/queries')).toBeUndefined();
  });

  it('says in every file what lives there, and keeps files small', () => {
    const wrong = files.filter(
      (file) => !file.text.startsWith('/** ') || file.text.split('\n').length > MOST_LINES,
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  it('puts no markup in as text, no style in by attribute, and no credential in storage', () => {
    const forbidden =
      /innerHTML|dangerouslySet|document\.write|\beval\(|sessionStorage|document\.cookie|style="/;
    expect(files.filter((file) => forbidden.test(file.text)).map((file) => file.path)).toEqual([]);
    const storing = files.filter((file) => file.text.includes('localStorage')).map((file) => file.path);
    expect(storing).toEqual(['lib/preferences.ts']);
  });
});
