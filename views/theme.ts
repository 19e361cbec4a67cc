/**
 * The school's colour, made safe: whatever it is, text in it and text on it keep the contrast of
 * WCAG 2.2 §1.4.3 (4.5:1) in the light and in the dark appearance.
 */
const CONTRAST_MIN = 4.6 // a little above 4.5, for the rounding to 8 bits
const DEFAULT_ACCENT = '#17697a'

type Rgb = readonly [red: number, green: number, blue: number]

/** An appearance: the card of gateway.css, text on the accent, where a colour moves to be readable. */
interface Appearance {
  readonly card: Rgb
  readonly onAccent: string
  readonly end: Rgb
  /** Share of the accent in the soft ground of notices. */
  readonly softness: number
}
const LIGHT: Appearance = {
  card: [255, 255, 255],
  onAccent: '#ffffff',
  end: [0, 0, 0],
  softness: 0.1,
}
const DARK: Appearance = {
  card: [28, 35, 38],
  onAccent: '#0c1214',
  end: [255, 255, 255],
  softness: 0.14,
}

/** Theme style sheet. `accent`: `#rrggbb` or `#rgb`; throws on anything else. */
export function themeCss(accent: string = DEFAULT_ACCENT): string {
  const colour = parseHex(accent)
  return [
    ':root {',
    ...declarations(readable(colour, LIGHT), LIGHT),
    '}',
    '@media (prefers-color-scheme: dark) {',
    ':root {',
    ...declarations(readable(colour, DARK), DARK),
    '}',
    '}',
    '',
  ].join('\n')
}

/** The tab's icon: a doorway in the school's colour. */
export function iconSvg(accent: string = DEFAULT_ACCENT): string {
  const colour = hexOf(readable(parseHex(accent), LIGHT))
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">',
    `<rect width="32" height="32" rx="8" fill="${colour}"/>`,
    '<path d="M9 26V14a7 7 0 0 1 14 0v12z" fill="#fff"/>',
    `<circle cx="19" cy="19" r="1.6" fill="${colour}"/>`,
    '</svg>',
  ].join('')
}

/** Contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2, "contrast ratio"). */
export function contrast(first: string, second: string): number {
  return ratio(parseHex(first), parseHex(second))
}

function declarations(accent: Rgb, { card, onAccent, softness }: Appearance): string[] {
  return [
    `--accent: ${hexOf(accent)};`,
    `--on-accent: ${onAccent};`,
    `--accent-soft: ${hexOf(mix(accent, card, softness))};`,
    `--accent-line: ${hexOf(mix(accent, card, 0.35))};`,
  ]
}

/** Moves the colour in small steps until it can be read on the card and on its own soft ground. */
function readable(colour: Rgb, { card, end, softness }: Appearance): Rgb {
  for (let share = 0; share < 1; share += 0.02) {
    const candidate = mix(end, colour, share)
    if (ratio(candidate, mix(candidate, card, softness)) >= CONTRAST_MIN) return candidate
  }
  return end
}

function mix(first: Rgb, second: Rgb, share: number): Rgb {
  const channel = (index: 0 | 1 | 2) =>
    Math.round(first[index] * share + second[index] * (1 - share))
  return [channel(0), channel(1), channel(2)]
}

function ratio(first: Rgb, second: Rgb): number {
  const [dark = 0, light = 0] = [luminance(first), luminance(second)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

function linear(channel: number): number {
  const value = channel / 255
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}

function parseHex(text: string): Rgb {
  const digits = /^#([\da-f]{6}|[\da-f]{3})$/i.exec(text)?.[1]
  if (digits === undefined) throw new Error(`not a colour like #17697a: ${text}`)
  const long = digits.length === 3 ? digits.replace(/./g, '$&$&') : digits
  const channel = (start: number) => Number.parseInt(long.slice(start, start + 2), 16)
  return [channel(0), channel(2), channel(4)]
}

function hexOf(colour: Rgb): string {
  return `#${colour.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
}
