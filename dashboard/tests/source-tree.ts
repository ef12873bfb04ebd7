/** The files of src/ for tests on how the code is laid out. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const SOURCES = resolve(import.meta.dirname, '../src');

export interface SourceFile {
  /** Relative to src/. */
  readonly path: string;
  readonly text: string;
  /** Paths in src/ that it imports, without their endings. */
  readonly imports: readonly string[];
}

export function sourceFiles(): readonly SourceFile[] {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf-8' })
    .filter((path) => /\.tsx?$/.test(path) && !path.includes('generated'))
    .map((path) => {
      const text = readFileSync(join(SOURCES, path), 'utf-8');
      return { path, text, imports: importsOf(path, text) };
    });
}

function importsOf(path: string, text: string): readonly string[] {
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  return found.flatMap((name) => {
    if (name.startsWith('@/')) return [name.slice(2)];
    return name.startsWith('.') ? [relative(SOURCES, resolve(SOURCES, dirname(path), name))] : [];
  });
}
