import { describe, expect, it } from 'vitest'
import { acrOf, amrOf } from '../../policies/proofs.ts'

const MFA = 'https://refeds.org/profile/mfa'
const OTP = 'urn:vestibule:acr:otp'
const PIN = 'urn:vestibule:acr:pin'
const PASSWORD = 'urn:vestibule:acr:password'

describe('what an application is told of a sign-in', () => {
  it('names what was proved', () => {
    expect(amrOf({ password: 5 }, 0)).toEqual(['pwd'])
    expect(amrOf({ password: 5, pin: 6 }, 0)).toEqual(['pwd', 'pin'])
    expect(amrOf({ passcode: 5 }, 0)).toEqual(['pin', 'otp', 'mfa'])
    expect(amrOf({ password: 5, passcode: 6 }, 0)).toEqual(['pwd', 'pin', 'otp', 'mfa'])
  })

  it('names nothing twice where the PIN of the account and that of a key were proved', () => {
    expect(amrOf({ password: 5, pin: 6, passcode: 7 }, 0)).toEqual(['pwd', 'pin', 'otp', 'mfa'])
  })

  it('never calls a password with a PIN multi-factor', () => {
    expect(amrOf({ password: 5, pin: 6 }, 0)).not.toContain('mfa')
    expect(acrOf([MFA], { password: 5, pin: 6 }, 0)).toBe(PIN)
  })

  it('returns the first requested value that holds, word for word', () => {
    expect(acrOf([MFA, OTP], { passcode: 5 }, 0)).toBe(MFA)
    expect(acrOf([OTP, MFA], { passcode: 5 }, 0)).toBe(OTP)
    expect(acrOf([MFA, PIN], { password: 5, pin: 5 }, 0)).toBe(PIN)
  })

  it('lets stronger satisfy weaker', () => {
    expect(acrOf([PASSWORD], { passcode: 5 }, 0)).toBe(PASSWORD)
    expect(acrOf([], { passcode: 5 }, 0)).toBe(OTP)
  })

  it('counts only proofs that are recent enough', () => {
    expect(acrOf([PIN], { password: 9, pin: 5 }, 8)).toBe(PASSWORD)
    expect(amrOf({ password: 9, pin: 5 }, 8)).toEqual(['pwd'])
    expect(acrOf([], { password: 5 }, 8)).toBeUndefined()
  })

  it('a PIN alone proves nothing', () => {
    expect(acrOf([], { pin: 5 }, 0)).toBeUndefined()
  })

  it('a PIN defined in this sign-in is no factor by itself', () => {
    expect(acrOf([], { password: 5, pinDefined: 6 }, 0)).toBe(PASSWORD)
  })

  it('a key put in service in this sign-in is no factor by itself', () => {
    const proofs = { began: 5, password: 5, keyActivated: 6 }
    expect(acrOf([OTP, MFA], proofs, 0)).toBe(PASSWORD)
    expect(amrOf(proofs, 0)).toEqual(['pwd'])
    expect(acrOf([], { began: 5, keyActivated: 6 }, 0)).toBeUndefined()
  })

  it('a passcode of an earlier sign-in is no multi-factor where a recent one is asked for', () => {
    expect(acrOf([OTP, MFA], { began: 9, password: 9, passcode: 5 }, 8)).toBe(PASSWORD)
    expect(amrOf({ began: 9, password: 9, passcode: 5 }, 8)).toEqual(['pwd'])
  })
})
