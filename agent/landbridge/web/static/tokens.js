// The design tokens, as scripts need them.
const tokens = getComputedStyle(document.documentElement);

/** A colour of the design tokens. */
export const colour = (name) => tokens.getPropertyValue(`--${name}`).trim();
