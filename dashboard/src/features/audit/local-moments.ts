/** Moments of an address, in UTC, and of a field of the browser, in local time. Pure. */

/** As `<input type="datetime-local">` has it, to the minute; '' for none. */
export function toField(moment: string | undefined): string {
  if (!moment) return '';
  const at = new Date(moment);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** ISO 8601 in UTC; undefined for what is no moment. */
export function fromField(value: string): string | undefined {
  const at = new Date(value);
  return value && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined;
}
