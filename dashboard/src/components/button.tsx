/** A button. While `busy` it stays focusable, says so, and does nothing. */

import type { ButtonHTMLAttributes, MouseEvent } from 'react';
import { type ButtonKind, buttonClass } from './button-class';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly kind?: ButtonKind;
  readonly busy?: boolean;
}

export function Button({ kind = 'plain', busy = false, type = 'button', onClick, ...rest }: Props) {
  const click = (event: MouseEvent<HTMLButtonElement>) => {
    if (busy) event.preventDefault();
    else onClick?.(event);
  };
  return (
    <button
      {...rest}
      type={type}
      className={buttonClass(kind)}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={click}
    />
  );
}
