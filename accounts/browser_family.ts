import bowser from 'bowser'

/** Browser and system families such as "Firefox" and "Windows": enough to name a device, no fingerprint. */
export interface BrowserFamily {
  readonly browser: string
  readonly system: string
  /** "mobile", "tablet", "desktop" or empty. */
  readonly platform: string
}

const USER_AGENT_LENGTH_MAX = 512

export const browserFamily = (userAgent: string): BrowserFamily => {
  if (userAgent === '') {
    return { browser: '', system: '', platform: '' }
  }
  const { browser, os, platform } = bowser.parse(userAgent.slice(0, USER_AGENT_LENGTH_MAX))
  return {
    browser: browser.name ?? '',
    system: os.name ?? '',
    platform: platform.type ?? '',
  }
}
