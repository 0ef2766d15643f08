import Foundation
import Testing

@testable import HakmemToolKit

@Suite struct OutputTests {
  @Test func figuresHaveThreeDigits() {
    #expect(Figures.significant(0.001234) == "0.00123")
    #expect(Figures.significant(999.9) == "1000")
    #expect(Figures.scaled(365_123_456) == "365 M")
    #expect(Figures.scaled(999_999) == "1.00 M")
    #expect(Figures.scaled(47) == "47")
    #expect(Figures.bytes(2 << 30) == "2.00 GiB")
    #expect(Figures.bytes(512) == "512 B")
    #expect(Figures.seconds(0.34) == "340 ms")
    #expect(Figures.seconds(41e-9) == "41 ns")
    #expect(Figures.ratio(1.005) == "1.00×")
    #expect(Figures.interval(Interval(0.5, .infinity)) == "0.50–∞")
  }

  @Test func tablesFitAHundredColumns() {
    let speeds = (1...14).map { ("allocator-\($0)", 1e6 * Double($0)) }
    var result = Sample.result(rows: 2, rounds: 3, speeds: speeds, seed: 1)
    result.rows[0].id = String(repeating: "long", count: 30)
    result.notes = [String(repeating: "word ", count: 60)]
    let lines = BenchText.lines(BenchAnalysis.analysed(result))
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(lines.contains { $0.contains("allocator-14") })
    var report = DoctorReport(subject: "x")
    report.findings = [
      Finding(.note, "t", String(repeating: "word ", count: 60), remedy: "do")
    ]
    #expect(DoctorText.lines(report).allSatisfy { $0.count <= 100 })
  }

  @Test func arraysOfNumbersTakeOneLine() {
    let json = """
      {
        "a" : [
          [
            1,
            -2.5e3
          ],
          [3, 4]
        ],
        "b" : [
          "x [ 1, 2 ] \\" y"
        ]
      }
      """
    let expected = """
      {
        "a" : [[1,-2.5e3],[3,4]],
        "b" : [
          "x [ 1, 2 ] \\" y"
        ]
      }
      """
    #expect(CompactArrays.joined(json) == expected)
  }

  @Test func theProgressBarTellsTheTimeLeft() {
    let line = ProgressBar.line(done: 5, total: 10, elapsed: 30, text: "x", columns: 80)
    #expect(line == "██████████░░░░░░░░░░  50 %  0:30 left  x")
    #expect(ProgressBar.line(done: 0, total: 1, elapsed: 0, text: "long", columns: 10).count == 9)
  }

  @Test func noColourWhereNoneIsWanted() {
    #expect(!TerminalStyle.hasColour(descriptor: -1, environment: [:]))
  }

  @Test func aFailedWriteLeavesTheOldFile() throws {
    let scratch = Scratch()
    let path = scratch.write("result.json", "old")
    let file = try OutputFile(path: path)
    #expect(TextFile.read(path) == "old")
    try file.write("new")
    #expect(TextFile.read(path) == "new")
    let left = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
    #expect(left == ["result.json"])
    #expect(throws: OutputFile.Failure.self) { try OutputFile(path: "/dev/full") }
  }

  private func page() throws -> String {
    var result = Sample.result(
      rows: 3, speeds: [("HAKMEM", 1.2e6), ("glibc", 5e5), ("a<b>&\"c", 1.3e6)], seed: 4)
    for row in result.rows.indices {
      result.rows[row].threads = row + 1
      result.rows[row].id = "same threads=\(row + 1)"
      for cell in result.rows[row].cells.indices {
        result.rows[row].cells[cell].latency = [[0, 5], [10, 900], [100, 90], [5000, 5]]
        result.rows[row].cells[cell].rssTimeline = [[0, 100], [50, 4096], [100, 2048]]
      }
    }
    result.rows[0].cells[1].failure = "SIGSEGV"
    let analysed = BenchAnalysis.analysed(result)
    return try Page.html(analysed, baseline: analysed)
  }

  @Test func thePageStandsAlone() throws {
    let page = try page()
    #expect(page.hasPrefix("<!DOCTYPE html>"))
    for text in ["HAKMEM beside 2 other allocators", "SIGSEGV", "Scaling over threads", "behind"] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(page.contains("a&lt;b&gt;&amp;"))
    for text in ["http://", "https://", "<script", "@import", "url(", "{{", "nan", "inf%"] {
      #expect(!page.contains(text), "\(text)")
    }
  }

  @Test(.enabled(if: Built.browser != nil, "no Chromium to render the page"))
  func thePageRendersWithoutComplaints() throws {
    let scratch = Scratch()
    let file = scratch.write("page.html", try page())
    var browser = ChildProcess(
      program: Built.browser ?? "",
      arguments: [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--enable-logging=stderr", "--user-data-dir=\(scratch.path)/profile",
        "--virtual-time-budget=1000", "--dump-dom", "file://\(file)",
      ])
    browser.timeout = 60
    let outcome = try browser.run()
    #expect(outcome.ending == .exited(0))
    #expect(outcome.output.contains("<h1>HAKMEM beside 2 other allocators</h1>"))
    let complaints = outcome.errors.split(separator: "\n").filter { $0.contains("CONSOLE") }
    #expect(complaints.isEmpty)
  }
}
