#include "common/data/mqtt.h"

#include <optional>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"

#ifdef TRIBUTARY_MQTT
#include <mosquitto.h>
#include <poll.h>
#endif

namespace tributary::data {

void parse_mqtt(std::string_view address, MqttOptions& options) {
  const auto refuse = [&](const std::string& why) {
    fail(Error::Kind::Malformed, "stream.source = " + std::string(address.substr(0, 80)) + ": " + why);
  };
  options.tls = address.starts_with("mqtts://");
  if (!options.tls && !address.starts_with("mqtt://")) refuse("must be mqtt://HOST[:PORT]/TOPIC");
  options.port = options.tls ? 8883 : 1883;
  std::string_view rest = address.substr(options.tls ? 8 : 7);
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash + 1 == rest.size()) refuse("has no topic: write mqtt://HOST/TOPIC");
  options.topic = rest.substr(slash + 1);
  rest = rest.substr(0, slash);
  const auto colon = rest.rfind(':');
  if (colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos) {
    const auto port = parse_int(rest.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) refuse("the port must be from 1 to 65535");
    options.port = static_cast<std::uint16_t>(*port);
    rest = rest.substr(0, colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  if (rest.empty()) refuse("has no host: write mqtt://HOST/TOPIC");
  options.host = rest;
}

#ifdef TRIBUTARY_MQTT

namespace {

constexpr int kKeepAliveSeconds = 30;
constexpr std::size_t kMostWaitingBytes = 64u << 20;
constexpr double kRetrySeconds = 1;

class Subscription final : public LineSource {
 public:
  Subscription(const MqttOptions& options, const Clock& clock) : options_(options), clock_(clock) {
    static const int initialised = mosquitto_lib_init();
    static_cast<void>(initialised);
    const bool clean = options.client_id.empty();
    client_ = mosquitto_new(clean ? nullptr : options.client_id.c_str(), clean, this);
    if (client_ == nullptr) fail(Error::Kind::Malformed, "stream.mqtt_client_id is no client id");
    try {
      configure();
      connect();
    } catch (...) {
      mosquitto_destroy(client_);
      throw;
    }
  }
  ~Subscription() override {
    mosquitto_disconnect(client_);
    mosquitto_destroy(client_);
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  Next next(Line& line) override {
    for (int turn = 0; turn < 2; ++turn) {
      while (!messages_.empty() || cutter_open_) {
        if (!cutter_open_) open_message();
        if (cutter_.rest(line)) {
          line.is_first = false;  // there is no header among messages
          return Next::Example;
        }
        cutter_open_ = false;
      }
      if (turn == 0) talk();
    }
    return Next::Nothing;
  }

 private:
  void configure() {
    mosquitto_connect_callback_set(
        client_, [](mosquitto*, void* self, int code) { static_cast<Subscription*>(self)->connected(code); });
    mosquitto_message_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* message) {
      static_cast<Subscription*>(self)->arrived(*message);
    });
    if (!options_.user.empty()) {
      std::string password;
      if (!options_.password_file.empty()) {
        password = read_text_file(options_.password_file, 4096);
        password = password.substr(0, password.find_first_of("\r\n"));
      }
      check(mosquitto_username_pw_set(client_, options_.user.c_str(), password.c_str()), "stream.mqtt_user");
    }
    if (!options_.tls) return;
    const auto text = [](const Path& path) { return path.empty() ? nullptr : path.c_str(); };
    if (options_.ca.empty())
      fail(Error::Kind::Malformed, "stream.mqtt_ca is not set: mqtts:// needs the authority's certificate (PEM)");
    check(mosquitto_tls_set(client_, options_.ca.c_str(), nullptr, text(options_.certificate), text(options_.key),
                            nullptr),
          "stream.mqtt_ca, stream.mqtt_certificate or stream.mqtt_key");
    check(mosquitto_tls_opts_set(client_, 1, "tlsv1.2", nullptr), "TLS");
  }

  static void check(int code, const std::string& what) {
    if (code != MOSQ_ERR_SUCCESS) fail(Error::Kind::Malformed, what + ": " + mosquitto_strerror(code));
  }
  std::string broker() const { return "MQTT broker " + options_.host + ":" + std::to_string(options_.port); }

  // The first time it is waited for, so that a wrong address or password shows at once.
  void connect() {
    const int code = mosquitto_connect(client_, options_.host.c_str(), options_.port, kKeepAliveSeconds);
    if (code != MOSQ_ERR_SUCCESS)
      fail(Error::Kind::Unavailable,
           broker() + ": " + (code == MOSQ_ERR_ERRNO ? std::string("no connection") : mosquitto_strerror(code)));
    const TimePoint limit = clock_.now() + std::chrono::seconds(10);
    while (!answer_ && clock_.now() < limit)
      if (const int talked = mosquitto_loop(client_, 100, 1); talked != MOSQ_ERR_SUCCESS && !answer_)
        fail(Error::Kind::Unavailable, broker() + ": " + mosquitto_strerror(talked));
    if (!answer_) fail(Error::Kind::Unavailable, broker() + " does not answer");
    if (*answer_ != 0) fail(Error::Kind::Unavailable, broker() + " refused: " + mosquitto_connack_string(*answer_));
  }

  void connected(int code) {
    answer_ = code;
    if (code == 0) mosquitto_subscribe(client_, nullptr, options_.topic.c_str(), static_cast<int>(options_.qos));
  }

  void arrived(const mosquitto_message& message) {
    if (message.payload == nullptr || message.payloadlen <= 0) return;
    waiting_ += static_cast<std::size_t>(message.payloadlen);
    messages_.emplace_back(static_cast<const char*>(message.payload), static_cast<std::size_t>(message.payloadlen));
    while (waiting_ > kMostWaitingBytes && messages_.size() > 1) {
      waiting_ -= messages_.front().size();
      messages_.pop_front();
    }
  }

  void open_message() {
    cutter_ = LineCutter();
    cutter_.add(messages_.front());
    waiting_ -= messages_.front().size();
    messages_.pop_front();
    cutter_open_ = true;
  }

  // One call takes one packet; a broker drops what a subscriber does not take fast enough.
  int take_what_is_there() {
    constexpr int kMostAtATime = 256;
    int code = mosquitto_loop(client_, 0, 1);
    for (int i = 1; i < kMostAtATime && code == MOSQ_ERR_SUCCESS && is_readable(); ++i)
      code = mosquitto_loop(client_, 0, 1);
    return code;
  }
  bool is_readable() const {
    pollfd wanted{mosquitto_socket(client_), POLLIN, 0};
    return wanted.fd >= 0 && ::poll(&wanted, 1, 0) > 0;
  }

  void talk() {
    if (lost_until_ && clock_.now() < *lost_until_) return;
    const int code = lost_until_ ? mosquitto_reconnect(client_) : take_what_is_there();
    if (code == MOSQ_ERR_SUCCESS) {
      lost_until_.reset();
      return;
    }
    if (!lost_until_) log::warning("mqtt", broker() + ": the line is lost; connecting again");
    lost_until_ = clock_.now() + from_seconds(kRetrySeconds);
  }

  MqttOptions options_;
  const Clock& clock_;
  mosquitto* client_ = nullptr;
  std::optional<int> answer_;
  std::optional<TimePoint> lost_until_;
  std::deque<std::string> messages_;
  std::size_t waiting_ = 0;  // bytes
  LineCutter cutter_;
  bool cutter_open_ = false;
};

}  // namespace

std::unique_ptr<LineSource> subscribe_mqtt(const MqttOptions& options, const Clock& clock) {
  return std::make_unique<Subscription>(options, clock);
}

#else

std::unique_ptr<LineSource> subscribe_mqtt(const MqttOptions&, const Clock&) {
  fail(Error::Kind::Unsupported, "unsupported: built without MQTT; install libmosquitto-dev and build again");
}

#endif

}  // namespace tributary::data
