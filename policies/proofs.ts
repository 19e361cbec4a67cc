/**
 * What a session has proved, and the `acr` and `amr` that follow. Computed for each request from
 * the times of the proofs: under `prompt=login` or `max_age` only recent ones count.
 */
export interface Proofs {
  /** When the sign-in under way began: the time of its first proof. */
  readonly began?: number | undefined
  /** When each factor was proved, ms since 1970. */
  readonly password?: number | undefined
  readonly passcode?: number | undefined
  readonly pin?: number | undefined
  /** The password was replaced by its owner in this sign-in: as good as its proof. */
  readonly passwordChanged?: number | undefined
  /** A PIN was defined in this sign-in. Completes the PIN step; counts as a factor only with `pin`. */
  readonly pinDefined?: number | undefined
  /**
   * An OTP key was put in service in this sign-in. Completes the passcode step; counts as a factor
   * only with `passcode`.
   */
  readonly keyActivated?: number | undefined
  /** The offer to add this device was answered. */
  readonly deviceOffered?: number | undefined
  /** The device was to be added under a name too vague to keep: ask once more. */
  readonly deviceNameVague?: string | undefined
}

export const LEVELS = ['password', 'pin', 'otp'] as const
export type Level = (typeof LEVELS)[number]

/** Authentication context classes, weakest first. RFC 9470; REFEDS MFA profile 1.2. */
export const ACR_LEVELS: ReadonlyMap<string, Level> = new Map([
  ['urn:vestibule:acr:password', 'password'],
  ['urn:vestibule:acr:pin', 'pin'],
  ['urn:vestibule:acr:otp', 'otp'],
  ['https://refeds.org/profile/mfa', 'otp'],
])

const ACR_OF_LEVEL: Record<Level, string> = {
  password: 'urn:vestibule:acr:password',
  pin: 'urn:vestibule:acr:pin',
  otp: 'urn:vestibule:acr:otp',
}

const since = (time: number | undefined, notBefore: number): boolean =>
  time !== undefined && time >= notBefore

const HOLDS: Record<Level, (proofs: Proofs, notBefore: number) => boolean> = {
  otp: (proofs, notBefore) => since(proofs.passcode, notBefore),
  pin: (proofs, notBefore) => since(proofs.password, notBefore) && since(proofs.pin, notBefore),
  password: (proofs, notBefore) => since(proofs.password, notBefore),
}

/** Whether `level`, or a stronger one, was proved no earlier than `notBefore` (ms). */
export const holds = (level: Level, proofs: Proofs, notBefore: number): boolean =>
  LEVELS.slice(LEVELS.indexOf(level)).some((each) => HOLDS[each](proofs, notBefore))

/** The strongest level proved no earlier than `notBefore`, or null. */
export const strongestLevel = (proofs: Proofs, notBefore: number): Level | null =>
  LEVELS.findLast((level) => HOLDS[level](proofs, notBefore)) ?? null

/**
 * The `acr` of an ID token: the first requested value that holds, word for word (OpenID Connect
 * Core §5.5.1.1), else the strongest one proved; undefined when nothing is proved.
 */
export const acrOf = (
  requested: readonly string[],
  proofs: Proofs,
  notBefore: number,
): string | undefined => {
  const first = requested.find((acr) => {
    const level = ACR_LEVELS.get(acr)
    return level !== undefined && holds(level, proofs, notBefore)
  })
  const strongest = strongestLevel(proofs, notBefore)
  return first ?? (strongest === null ? undefined : ACR_OF_LEVEL[strongest])
}

/** RFC 8176 names of what was proved. A password with a PIN is two secrets of one kind: never `mfa`. */
export const amrOf = (proofs: Proofs, notBefore: number): string[] => {
  const amr = [
    ...(since(proofs.password, notBefore) ? ['pwd'] : []),
    ...(since(proofs.pin, notBefore) ? ['pin'] : []),
    ...(since(proofs.passcode, notBefore) ? ['pin', 'otp', 'mfa'] : []),
  ]
  return [...new Set(amr)]
}
