#include "demo/demo_server.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "base/system_fault.h"

namespace tapedeck {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

using Request = http::request<http::string_body>;
using Parser = http::request_parser<http::string_body>;

std::string_view view_of(boost::core::string_view text) { return {text.data(), text.size()}; }

// Completion of an operation into an error code, so that nothing here throws.
auto into(boost::system::error_code& error) {
    return asio::redirect_error(asio::use_awaitable, error);
}

std::string head_of(const SiteAnswer& answer, bool keep_alive) {
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nServer: tapedeck demo\r\nContent-Type: {}\r\nContent-Length: {}\r\n"
        "Connection: {}\r\n",
        answer.status, view_of(http::obsolete_reason(static_cast<http::status>(answer.status))),
        answer.content_type, answer.body.size(), keep_alive ? "keep-alive" : "close");
    for (const auto& [name, value] : answer.headers) {
        head += fmt::format("{}: {}\r\n", name, value);
    }
    return head + "\r\n";
}

SiteAnswer plain_answer(int status, std::string_view text) {
    SiteAnswer answer;
    answer.status = status;
    answer.content_type = "text/plain; charset=utf-8";
    answer.body = fmt::format("{}\n", text);
    return answer;
}

// What a request that could not be read is told; nothing where telling is of no use.
std::optional<SiteAnswer> answer_to(const boost::system::error_code& error) {
    if (error == http::error::header_limit) return plain_answer(431, "header too large");
    if (error == http::error::body_limit) return plain_answer(413, "body too large");
    if (error.category() == make_error_code(http::error::bad_target).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
        return plain_answer(400, "bad request");
    }
    return std::nullopt;
}

}  // namespace

// One connection. Lives in the server's list from its accept to the end of its coroutine.
struct Connection {
    explicit Connection(tcp::socket socket)
        : stream(std::move(socket)), timer(stream.get_executor()) {}
    beast::tcp_stream stream;
    asio::steady_timer timer;  // of an answer's planned slowness
    bool answering = false;
};

struct DemoServer::Impl {
    Impl(DemoSite& demo_site, DemoServerOptions server_options)
        : site(demo_site), options(server_options), acceptor(context), grace(context) {}

    Result<> listen();
    asio::awaitable<void> accept();
    asio::awaitable<void> serve(std::list<Connection>::iterator connection);
    asio::awaitable<bool> answer(Connection& connection, const Request& request);
    asio::awaitable<bool> send(Connection& connection, const SiteAnswer& answer, bool keep_alive,
                               bool head_only);
    asio::awaitable<bool> write(Connection& connection, std::string_view bytes);
    asio::awaitable<bool> drip(Connection& connection, const SiteAnswer& answer);
    asio::awaitable<void> pause(Connection& connection, std::chrono::milliseconds time);
    SiteAnswer answer_of(const Request& request);
    void begin_stop();
    void close_all(bool idle_only);

    DemoSite& site;
    const DemoServerOptions options;
    asio::io_context context{1};
    tcp::acceptor acceptor;
    asio::steady_timer grace;
    std::uint16_t port = 0;

    // Of the server's thread.
    std::list<Connection> connections;
    bool stopping = false;

    std::atomic<std::uint64_t> accepted{0}, open{0}, requests{0}, refused{0};
    std::once_flag stopped;
    std::jthread thread;  // last: joined before the rest goes
};

Result<> DemoServer::Impl::listen() {
    boost::system::error_code error;
    const tcp::endpoint here(asio::ip::address_v4::loopback(), options.port);
    acceptor.open(here.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(here, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) port = acceptor.local_endpoint(error).port();
    if (error) {
        return Error{ErrorKind::unavailable,
                     fmt::format("the demo's server at 127.0.0.1:{}: {}", options.port,
                                 system_fault(error.value()))};
    }
    return {};
}

asio::awaitable<void> DemoServer::Impl::accept() {
    while (!stopping) {
        boost::system::error_code error;
        tcp::socket socket = co_await acceptor.async_accept(into(error));
        if (stopping || error == asio::error::operation_aborted) co_return;
        if (error) {
            // Out of descriptors, most likely: wait for some to come back.
            asio::steady_timer wait(context, std::chrono::milliseconds(50));
            co_await wait.async_wait(into(error));
            continue;
        }
        ++accepted;
        if (connections.size() >= options.most_connections) {
            ++refused;
            continue;  // the socket closes
        }
        socket.set_option(tcp::no_delay(true), error);
        connections.emplace_front(std::move(socket));
        ++open;
        asio::co_spawn(context, serve(connections.begin()), asio::detached);
    }
}

asio::awaitable<void> DemoServer::Impl::serve(std::list<Connection>::iterator connection) {
    beast::flat_buffer buffer(options.most_header_bytes + options.most_body_bytes + 4096);
    bool alive = true;
    while (alive && !stopping) {
        Parser parser;
        parser.header_limit(options.most_header_bytes);
        parser.body_limit(options.most_body_bytes);
        boost::system::error_code error;
        connection->stream.expires_after(options.request_timeout);
        co_await http::async_read(connection->stream, buffer, parser, into(error));
        if (error) {
            if (const auto told = answer_to(error)) {
                ++refused;
                co_await send(*connection, *told, false, false);
            }
            break;
        }
        ++requests;
        connection->answering = true;
        alive = co_await answer(*connection, parser.get());
        connection->answering = false;
    }
    boost::system::error_code ignored;  // the far side may have gone first
    connection->stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
    connections.erase(connection);
    --open;
    if (stopping && connections.empty()) grace.cancel();
}

SiteAnswer DemoServer::Impl::answer_of(const Request& request) {
    if (request.method() != http::verb::get && request.method() != http::verb::head &&
        request.method() != http::verb::post) {
        SiteAnswer refusal = plain_answer(405, "only GET, HEAD and POST");
        refusal.headers.emplace_back("Allow", "GET, HEAD, POST");
        return refusal;
    }
    SiteRequest asked =
        site_request(view_of(request.target()), view_of(request[http::field::host]));
    asked.cookie = view_of(request[http::field::cookie]);
    asked.key = view_of(request["X-CMC_PRO_API_KEY"]);
    return site.answer(asked);
}

// False where the connection is to end.
asio::awaitable<bool> DemoServer::Impl::answer(Connection& connection, const Request& request) {
    const SiteAnswer planned = answer_of(request);
    if (planned.delay.count() > 0) co_await pause(connection, planned.delay);
    switch (planned.delivery) {
        case Delivery::whole:
            break;
        case Delivery::hang:
            co_await pause(connection, planned.pause);
            co_return false;
        case Delivery::drip:
            co_return co_await drip(connection, planned);
        case Delivery::cut: {
            const std::string head = head_of(planned, true);
            const std::string_view half(planned.body.data(), planned.body.size() / 2);
            if (co_await write(connection, head)) co_await write(connection, half);
            co_return false;
        }
    }
    const bool keep_alive = request.keep_alive() && !stopping;
    const bool head_only = request.method() == http::verb::head;
    const bool sent = co_await send(connection, planned, keep_alive, head_only);
    co_return sent&& keep_alive;
}

asio::awaitable<bool> DemoServer::Impl::send(Connection& connection, const SiteAnswer& answer,
                                             bool keep_alive, bool head_only) {
    const std::string head = head_of(answer, keep_alive);
    if (head_only || answer.body.size() < 1024) {
        // One write, one packet: no waiting for the other side's acknowledgement.
        const std::string all = head_only ? head : head + answer.body;
        co_return co_await write(connection, all);
    }
    if (!co_await write(connection, head)) co_return false;
    co_return co_await write(connection, answer.body);
}

asio::awaitable<bool> DemoServer::Impl::write(Connection& connection, std::string_view bytes) {
    boost::system::error_code error;
    connection.stream.expires_after(options.write_timeout);
    co_await asio::async_write(connection.stream, asio::buffer(bytes), into(error));
    co_return !error;
}

asio::awaitable<bool> DemoServer::Impl::drip(Connection& connection, const SiteAnswer& answer) {
    const std::string all = head_of(answer, false) + answer.body;
    for (std::size_t i = 0; i < all.size() && !stopping; ++i) {
        if (!co_await write(connection, std::string_view(all).substr(i, 1))) co_return false;
        co_await pause(connection, answer.pause);
    }
    co_return false;
}

asio::awaitable<void> DemoServer::Impl::pause(Connection& connection,
                                              std::chrono::milliseconds time) {
    if (stopping) co_return;
    boost::system::error_code cancelled;  // by a stop: then nothing more is waited for
    connection.timer.expires_after(time);
    co_await connection.timer.async_wait(into(cancelled));
}

void DemoServer::Impl::close_all(bool idle_only) {
    for (Connection& connection : connections) {
        connection.timer.cancel();
        if (!idle_only || !connection.answering) connection.stream.close();
    }
}

// On the server's thread.
void DemoServer::Impl::begin_stop() {
    stopping = true;
    boost::system::error_code ignored;  // it is closed either way
    acceptor.close(ignored);
    close_all(true);
    if (connections.empty()) return;
    grace.expires_after(options.stop_grace);
    grace.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) close_all(false);
    });
}

DemoServer::DemoServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DemoServer::~DemoServer() { stop(); }

Result<std::unique_ptr<DemoServer>> DemoServer::start(DemoSite& site, DemoServerOptions options) {
    auto impl = std::make_unique<Impl>(site, options);
    if (auto listening = impl->listen(); !listening) return listening.error();
    asio::co_spawn(impl->context, impl->accept(), asio::detached);
    impl->thread = std::jthread([context = &impl->context] { context->run(); });
    return std::unique_ptr<DemoServer>(new DemoServer(std::move(impl)));
}

std::uint16_t DemoServer::port() const { return impl_->port; }

std::string DemoServer::base_url() const { return fmt::format("http://127.0.0.1:{}", impl_->port); }

DemoServer::Counts DemoServer::counts() const {
    return {impl_->accepted, impl_->open, impl_->requests, impl_->refused};
}

void DemoServer::stop() {
    std::call_once(impl_->stopped, [this] {
        asio::post(impl_->context, [impl = impl_.get()] { impl->begin_stop(); });
        impl_->thread.join();
    });
}

}  // namespace tapedeck
