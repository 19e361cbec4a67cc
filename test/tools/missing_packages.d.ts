/** Types of a module that also runs on a Node that knows no TypeScript. */
declare module '*/missing_packages.mjs' {
  export interface LockedPackage {
    readonly version?: string
    readonly dev?: boolean
    readonly optional?: boolean
  }

  export type LockedPackages = Readonly<Record<string, LockedPackage>>

  export function missingPackages(of: {
    readonly wanted: LockedPackages
    readonly present: LockedPackages
    readonly dev: boolean
    readonly isThere: (path: string) => boolean
  }): string[]
}
