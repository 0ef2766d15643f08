// Touches so many pages of each owner, once each, and says nothing.
import Glibc

let page = 4096
let count = Int(CommandLine.arguments[1])!

final class HalfPage {
  // An object begins with 16 bytes of its own.
  var words = InlineArray<254, UInt>(repeating: 0)
}

func touch(_ start: UnsafeMutableRawPointer, pages: Int) {
  for index in 0..<pages { start.storeBytes(of: 1, toByteOffset: index * page, as: UInt8.self) }
}

@inline(never) func useStack(_ pages: Int) -> UInt {
  let here = InlineArray<8192, UInt> { UInt(truncatingIfNeeded: $0 ^ pages) }
  return here[pages] &+ (pages > 16 ? useStack(pages - 16) : 0) &+ here[pages / 2]
}

let small = (0..<2 * count).map { _ in HalfPage() }
let medium = (0..<count / 100).map { _ in [UInt8](repeating: 1, count: 100 * page - 32) }
let large = [UInt8](repeating: 1, count: max(count * page - 32, 0))
if count > 0 {
  guard useStack(count / 4) > 0 else { fatalError() }
  let anonymous = mmap(
    nil, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  touch(anonymous!, pages: count)
  let file = open(CommandLine.arguments[2], O_RDWR | O_CREAT, 0o600)
  guard ftruncate(file, count * page) == 0 else { fatalError("ftruncate: \(errno)") }
  touch(mmap(nil, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0)!, pages: count)
}
withExtendedLifetime((small, medium, large)) {}
