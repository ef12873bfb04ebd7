import { render, screen } from '@testing-library/react';
import decodeQR from 'qr/decode.js';
import { expect, it } from 'vitest';
import { QrCode } from './qr-code';

const URI =
  'otpauth://totp/voiceagent:ada%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=voiceagent';
const SCALE = 4;

it('draws what a reader reads', () => {
  render(<QrCode text={URI} label="The code" />);
  const drawn = screen.getByRole('img', { name: 'The code' });
  const size = Number(drawn.getAttribute('viewBox')?.split(' ')[2]);
  const edge = size * SCALE;
  const data = new Uint8ClampedArray(edge * edge * 4).fill(255);
  for (const [, x, y, run] of drawn.innerHTML.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let row = 0; row < SCALE; row += 1) {
      for (let column = 0; column < Number(run) * SCALE; column += 1) {
        const at = ((Number(y) * SCALE + row) * edge + Number(x) * SCALE + column) * 4;
        data.fill(0, at, at + 3);
      }
    }
  }
  expect(decodeQR({ width: edge, height: edge, data })).toBe(URI);
});
