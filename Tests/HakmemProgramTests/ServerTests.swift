import Foundation
import HakmemTestSupport
import Testing

/// Servers on the loopback interface or a socket in a temporary folder, stopped at the test's end.
@Suite struct `A server works` {
  @Test(arguments: RealProgram.modes)
  func `redis under redis-benchmark, and again from its dump`(mode: String) throws {
    let server = try System.require("redis-server")
    let client = try System.require("redis-cli")
    let benchmark = try System.require("redis-benchmark")
    try Allocator.underTest.requireExists()
    let folder = try TemporaryDirectory("redis")
    let socket = folder.path + "/socket"
    let options = [
      "--port", "0", "--unixsocket", socket, "--dir", folder.path, "--save", "",
      "--enable-debug-command", "yes", "--io-threads", "2", "--daemonize", "no",
    ]

    func ask(_ words: String...) throws -> String {
      let outcome = try Command(client, ["-s", socket] + words).onSystemAllocator.run()
      return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    func start() throws -> RunningProgram {
      let program = try Command(server, options, environment: ["HAKMEM_MODE": mode]).start()
      let isUp = try System.wait { try ask("ping") == "PONG" || program.hasEnded() }
      #expect(isUp && !program.hasEnded(), "\(program.output)")
      try RealProgram.expectLoaded(in: program)
      return program
    }

    let first = try start()
    let commands = "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset"
    let load = ["-s", socket, "-q", "-n", "10000", "-r", "5000", "-c", "20", "-t", commands]
    let outcome = try Command(benchmark, load + ["-d", "300"]).run()
    #expect(outcome.succeeded, "\(outcome)")
    #expect(try ask("debug", "populate", "20000", "key", "200") == "OK")
    #expect(try ask("memory", "purge") == "OK")
    let digest = try ask("debug", "digest")
    #expect(digest.count == 40, "\(digest)")
    #expect(try ask("bgsave").contains("started"))
    #expect(try System.wait { try ask("info", "persistence").contains("rdb_bgsave_in_progress:0") })
    #expect(try ask("info", "persistence").contains("rdb_last_bgsave_status:ok"))
    #expect(try ask("save") == "OK")
    _ = try ask("shutdown", "nosave")
    #expect(try first.wait(seconds: 60).succeeded, "\(first.output)")

    let second = try start()
    #expect(try ask("debug", "digest") == digest)
    _ = try ask("shutdown", "nosave")
    #expect(try second.wait(seconds: 60).succeeded, "\(second.output)")
  }

  @Test(arguments: RealProgram.modes) func `postgres, initialised and under pgbench`(
    mode: String
  ) throws {
    try Allocator.underTest.requireExists()
    let versions = try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")
    guard let version = versions?.sorted().last else {
      try System.skip("postgresql is not installed")
    }
    let programs = "/usr/lib/postgresql/\(version)/bin/"
    guard System.find(programs + "pgbench") != nil else { try System.skip("no pgbench") }
    let cluster = try PostgresCluster(programs: programs, mode: mode)
    defer { cluster.stop() }
    try cluster.start()
    for arguments in [["-i", "-q", "-s", "2"], ["-c", "4", "-j", "2", "-t", "150"]] {
      let outcome = try cluster.run("pgbench", arguments + ["-U", "test", "postgres"])
      #expect(outcome.succeeded, "\(outcome)")
    }
    let query = """
      select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)
      and (select count(*) from pgbench_history) = 600
      """
    let sums = try cluster.run("psql", ["-U", "test", "-At", "-c", query, "postgres"])
    #expect(sums.output == "t\n", "\(sums)")
  }

  @Test func `nginx under load`() throws {
    let nginx = try System.require("nginx")
    let load = try System.require("ab")
    try Allocator.underTest.requireExists()
    let folder = try TemporaryDirectory("nginx")
    let port = try System.freePort()
    let page = String(repeating: "a line of the page\n", count: 5000)
    _ = try folder.write(page, to: "page.html")
    let configuration = try folder.write(
      """
      daemon off; worker_processes 2; pid \(folder.path)/pid; error_log \(folder.path)/errors;
      \(System.isRoot ? "user nobody nogroup;" : "")
      events { worker_connections 256; }
      http {
        access_log off; root \(folder.path); gzip on; gzip_types text/plain; ssi on;
        client_body_temp_path \(folder.path)/1; proxy_temp_path \(folder.path)/2;
        fastcgi_temp_path \(folder.path)/3; uwsgi_temp_path \(folder.path)/4;
        scgi_temp_path \(folder.path)/5;
        server {
          listen 127.0.0.1:\(port);
          location /proxy/ { proxy_pass http://127.0.0.1:\(port)/; }
        }
      }
      """, to: "nginx.conf")
    let server = try Command(nginx, ["-c", configuration]).start()
    defer { server.stop(gently: true) }
    let address = "http://127.0.0.1:\(port)"
    func request(_ path: String, count: Int, headers: [String] = []) throws -> Outcome {
      let arguments = ["-q", "-k", "-n", "\(count)", "-c", "20"] + headers + [address + path]
      return try Command(load, arguments).onSystemAllocator.run()
    }
    let isUp = try System.wait {
      try server.hasEnded() || request("/page.html", count: 20).succeeded
    }
    #expect(isUp && !server.hasEnded(), "\(server.errors)")
    try RealProgram.expectLoaded(in: server)
    let gzip = ["-H", "Accept-Encoding: gzip"]
    for (path, headers) in [("/page.html", []), ("/page.html", gzip), ("/proxy/page.html", gzip)] {
      let outcome = try request(path, count: 2000, headers: headers)
      #expect(outcome.succeeded, "\(outcome)")
      #expect(outcome.output.contains("Failed requests:        0"), "\(outcome)")
      #expect(!outcome.output.contains("Non-2xx"), "\(outcome)")
    }
    let reload = try Command(nginx, ["-c", configuration, "-s", "reload"]).run()
    #expect(reload.succeeded, "\(reload)")
    let after = try request("/page.html", count: 200)
    #expect(after.succeeded && after.output.contains("Failed requests:        0"), "\(after)")
    #expect(server.stop(gently: true).ending == .exited(0))
    let errors = try String(contentsOfFile: folder.path + "/errors", encoding: .utf8)
    #expect(!errors.contains("exited on signal") && !errors.contains("[emerg]"), "\(errors)")
  }
}
