import HakmemPages
import HakmemPlatform

/// Looks for SuperSlabs full of live memory and has the kernel make huge pages of them, with
/// HAKMEM_THP=auto or on: their pages are all in use, so none is wasted. For the background thread.
package enum Collapse {
  /// A look collapses no more: each takes the kernel about a millisecond.
  private static let mostAtOnce = 32
  /// Of the SuperSlab's bytes, in blocks that are out.
  private static let denseBytes = Constants.superSlabBytes / 16 * 15

  package static func run(by perform: (() -> Void) -> Void) {
    guard SuperSlab.mayCollapse else { return }
    var left = mostAtOnce
    var superSlab = SuperSlab.first
    while let found = superSlab, left > 0 {
      superSlab = found.next
      guard found.awaitsCollapse, found.noteDensity(isDense(found)) else { continue }
      left -= 1
      perform { if isDense(found) { found.collapse() } }
    }
  }

  private static func isDense(_ superSlab: SuperSlab) -> Bool {
    switch superSlab.kind {
    case .slabs:
      guard superSlab.freeGranules == 0 else { return false }
      var bytes: UInt = 0
      Slab.forEach(in: superSlab) { bytes &+= $0.densityBytes }
      return bytes >= denseBytes
    case .pageRuns: return RunTable(unsafeAt: superSlab.runTable).freePages == 0
    case .unused, .large: return false
    }
  }
}
