/** How many conversations a page may show. */

export const PAGE_SIZES = [25, 50, 100] as const;
export const PAGE_SIZE = 25;
