import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import HakmemSlabs

/// The allocator on kernels with larger pages, of which the real one here knows nothing: it works
/// on 4 KiB, so that what is done in the larger unit shows in which small pages are present.
enum PageSizeTests {
  static let all = [
    WhiteBoxTest("PageSize.largeRegionsAreWholePages", regions),
    WhiteBoxTest("PageSize.purgeDropsWholePagesOnly", purge),
    WhiteBoxTest("PageSize.touchingTouchesEachPageOnce", touching),
    WhiteBoxTest("PageSize.blocksAreCarvedAsEver", slabs),
  ]

  private static func forEachPageSize(_ body: @escaping (UInt) -> Void) {
    for pageBytes: UInt in [4 << 10, 16 << 10, 64 << 10] {
      let status = Fixture.inChild {
        Fixture.setUp()
        ProcessFacts.systemPageBytes = pageBytes
        body(pageBytes)
      }
      expectEqual(status, 0, "the exit status")
    }
  }

  private static func regions() {
    forEachPageSize { pageBytes in
      for bytes: UInt in [1 << 20 &+ 1, 3 << 20, 5_000_001] {
        guard let region = LargeRegions.allocate(bytes, alignment: 1, zero: false) else {
          return expect(false)
        }
        expectEqual(region.byteCount, bytes.roundedUp(to: pageBytes), "bytes mapped")
        expect(LargeRegions.resize(region, to: bytes &+ 1_000_000))
        expect(region.byteCount % pageBytes == 0)
        expect(LargeRegions.resize(region, to: 1 << 20 &+ 1))
        expectEqual(region.byteCount, 1 << 20 &+ pageBytes, "bytes left")
      }
    }
  }

  private static func purge() {
    forEachPageSize { pageBytes in
      let runBytes: UInt = 36 << 10
      var runs: [UInt] = []
      for _ in 0..<40 {
        let run = PageRuns.allocate(runBytes)
        expect(run != 0)
        for offset in stride(from: 0, to: runBytes, by: 4096) {
          Memory.storeWord(run, at: run &+ offset)
        }
        runs.append(run)
      }
      for index in stride(from: 1, to: 40, by: 2) { PageRuns.free(runs[index]) }
      PageRuns.purge(age: 0, lazily: false)
      for (index, run) in runs.enumerated() {
        let end = (run &+ runBytes).roundedDown(to: pageBytes)
        let inner = run.roundedUp(to: pageBytes)
        for offset in stride(from: 0, to: runBytes, by: 4096) {
          let page = run &+ offset
          let isDropped = index % 2 == 1 && page >= inner && page < end
          expect((whitebox_is_resident(page, 4096) == 0) == isDropped)
        }
      }
    }
  }

  private static func touching() {
    forEachPageSize { pageBytes in
      let bytes = Constants.superSlabBytes
      let start = AddressSpace.takeSuperSlab()
      Prefault.touch.apply(start, bytes)
      var present: UInt = 0
      for offset in stride(from: 0, to: bytes, by: 4096) {
        if whitebox_is_resident(start &+ offset, 4096) != 0 { present += 1 }
      }
      expectEqual(present, bytes / pageBytes, "pages touched")
    }
  }

  private static func slabs() {
    forEachPageSize { _ in
      let slots = Fixture.memory(64 * 8)
      for number in [1, 20, 60, 90] {
        let sizeClass = SizeClass(number)
        var blocks = 0
        while blocks < 2 * sizeClass.blocksPerSlab {
          let count = SlabList(sizeClass).carve(into: slots, count: 32).count
          expect(count > 0)
          for index in 0..<UInt(count) {
            let block = Memory.loadWord(at: slots &+ index &* 8)
            expect(Memory.loadWord(at: block) == 0)
            Memory.storeWord(block, at: block)
          }
          blocks += count
        }
      }
    }
  }
}
