/**
 * What a lock file wants and node_modules does not have, by path. `wanted` and `present` are the
 * `packages` of the two lock files; `isThere` tells whether the folder of a path holds a package.
 * Optional packages are for other systems as often as for this one, so their absence says nothing.
 */
export function missingPackages({ wanted, present, dev, isThere }) {
  return Object.keys(wanted).filter((path) => {
    const { version, optional, dev: devOnly } = wanted[path]
    if (path === '' || (devOnly && !dev)) return false
    if (optional) return present[path] !== undefined && present[path].version !== version
    return present[path]?.version !== version || !isThere(path)
  })
}
