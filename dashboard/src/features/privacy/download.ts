/** Gives the browser a file. */

export function downloadJson(content: unknown, name: string): void {
  download(new Blob([`${JSON.stringify(content, null, 2)}\n`], { type: 'application/json' }), name);
}

export function download(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
