// What the local API says and does about connections.
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/api/change_connections.hpp"
#include "dataplane/api/connection_filter.hpp"
#include "dataplane/api/show_connections.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/merged_counts.hpp"

namespace alkaid::test {
namespace {

namespace v1 = dataplane::v1;
using ::testing::HasSubstr;

constexpr std::uint32_t kTcpNumber = 6;

Bytes tcp_frame(const net::Station& from, const net::Station& to, std::uint16_t source_port,
                std::uint16_t destination_port, std::uint8_t flags) {
  return packet()
      .ethernet({.source = from.mac, .destination = to.mac})
      .ipv4({.source = from.ip, .destination = to.ip})
      .tcp({.source_port = source_port, .destination_port = destination_port, .flags = flags})
      .build();
}

void set_ipv4(v1::IpAddress& message, Ipv4Address address) {
  message.set_low(IpAddress{address}.low());
}

class ConnectionApi : public ::testing::Test {
 protected:
  // green-1 to green-3 on this host by TCP and ICMP, to green-2 in a tunnel by UDP, to red-1
  // through the router by UDP.
  void talk() {
    lab_.send("green-1", Frames{tcp_frame(net::kGreen1, net::kGreen3, 4242, 80, TcpFields::kSyn)});
    lab_.send("green-3", Frames{tcp_frame(net::kGreen3, net::kGreen1, 80, 4242,
                                          TcpFields::kSyn | TcpFields::kAck)});
    lab_.send("green-1", Frames{tcp_frame(net::kGreen1, net::kGreen3, 4242, 80, TcpFields::kAck)});
    lab_.send("green-1", Frames{echo_frame(net::kGreen1, net::kGreen3.mac, net::kGreen3.ip,
                                           {.type = 8, .identifier = 77})});
    lab_.send("green-1", Frames{udp_frame(net::kGreen1, net::kGreen2.mac, net::kGreen2.ip)});
    const Bytes routed = udp_frame(net::kGreen1, net::kGreenGatewayMac, net::kRed1.ip);
    lab_.send("green-1", Frames{routed, routed, routed, routed});
    read_card(lab_);
  }

  std::vector<v1::ConnectionInfo> list(const v1::ShowConnectionsRequest& request) {
    ConnectionListing listing(lab_.dataplane(), request);
    const grpc::Status status = listing.start();
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<v1::ConnectionInfo> connections;
    for (bool has_more = true; has_more;) {
      v1::ShowConnectionsResponse batch;
      has_more = listing.next(batch);
      connections.insert(connections.end(), batch.connections().begin(), batch.connections().end());
    }
    return connections;
  }
  // "PROTOCOL STATE" of what a filter selects.
  std::multiset<std::string> select(const std::function<void(v1::ConnectionFilter&)>& fill) {
    v1::ShowConnectionsRequest request;
    fill(*request.mutable_filter());
    std::multiset<std::string> found;
    for (const auto& connection : list(request)) {
      found.insert(std::to_string(connection.protocol()) + " " + connection.state());
    }
    return found;
  }
  grpc::Status refuse(const std::function<void(v1::ConnectionFilter&)>& fill) {
    v1::ConnectionFilter message;
    fill(message);
    ConnectionFilter filter;
    return from_api(lab_.dataplane(), message, filter);
  }
  std::uint64_t flush(const std::function<void(v1::ConnectionFilter&)>& fill) {
    v1::ConnectionFilter message;
    fill(message);
    ConnectionFilter filter;
    EXPECT_TRUE(from_api(lab_.dataplane(), message, filter).ok());
    ConnectionFlush flush(lab_.dataplane(), std::move(filter));
    while (flush.advance()) {
    }
    return flush.flushed();
  }
  v1::ShowConnectionSummaryResponse summary() {
    v1::ShowConnectionSummaryResponse response;
    ConnectionStateCounter states(lab_.dataplane());
    while (states.advance()) {
    }
    states.report(response);
    show_connection_summary(lab_.dataplane(), response);
    return response;
  }
  grpc::Status set_timeouts(const std::vector<std::pair<std::string, std::uint32_t>>& timeouts) {
    v1::SetConnectionTimeoutsRequest request;
    for (const auto& [name, seconds] : timeouts) {
      request.add_timeouts()->set_name(name);
      request.mutable_timeouts(request.timeouts_size() - 1)->set_seconds(seconds);
    }
    return set_connection_timeouts(lab_.dataplane(), request);
  }

  PipelineLab lab_;
};

using Found = std::multiset<std::string>;
using Filter = v1::ConnectionFilter;

TEST_F(ConnectionApi, EveryConditionSelects) {
  talk();
  const Found all{"6 established", "1 one_way", "17 one_way", "17 one_way"};
  EXPECT_EQ(select([](Filter&) {}), all);
  EXPECT_EQ(select([](Filter& f) { f.set_port("green-1"); }), all);
  EXPECT_EQ(select([](Filter& f) { f.set_port("green-3"); }),
            (Found{"6 established", "1 one_way"}));
  EXPECT_EQ(select([](Filter& f) { f.set_port("red-1"); }), Found{"17 one_way"});
  EXPECT_EQ(select([](Filter& f) { f.set_vni(1001); }), all);
  EXPECT_EQ(select([](Filter& f) { f.set_vni(1002); }), Found{"17 one_way"});
  EXPECT_EQ(select([](Filter& f) { f.set_vni(4000); }), Found{});
  EXPECT_EQ(select([](Filter& f) { f.set_protocol(kTcpNumber); }), Found{"6 established"});
  EXPECT_EQ(select([](Filter& f) { f.set_protocol(0); }), Found{});
  EXPECT_EQ(select([](Filter& f) { f.set_l4_port(80); }), Found{"6 established"});
  EXPECT_EQ(select([](Filter& f) { f.set_l4_port(4242); }), Found{"6 established"});
  EXPECT_EQ(select([](Filter& f) { f.set_l4_port(77); }), Found{}) << "an identifier is no port";
  EXPECT_EQ(select([](Filter& f) { f.set_state("one_way"); }).size(), 3U);
  EXPECT_EQ(select([](Filter& f) { f.set_group("web"); }), Found{});
  EXPECT_EQ(select([](Filter& f) {
              set_ipv4(*f.mutable_address()->mutable_address(), net::kRed1.ip);
              f.mutable_address()->set_length(24);
            }),
            Found{"17 one_way"});
  EXPECT_EQ(select([](Filter& f) {
              f.set_protocol(17);
              f.set_port("red-1");
              f.set_state("two_way");
            }),
            Found{});
}

TEST_F(ConnectionApi, AConnectionHasEverything) {
  talk();
  v1::ShowConnectionsRequest request;
  request.mutable_filter()->set_protocol(17);
  request.mutable_filter()->set_port("red-1");
  const auto routed = list(request);
  ASSERT_EQ(routed.size(), 1U);
  EXPECT_EQ(routed[0].original().vni(), 1001U);
  EXPECT_EQ(routed[0].reply().vni(), 1002U);
  EXPECT_EQ(routed[0].original().ingress(), "green-1");
  EXPECT_EQ(routed[0].reply().ingress(), "red-1");
  EXPECT_EQ(routed[0].original().packets(), 4U);
  EXPECT_GT(routed[0].original().bytes(), 4U * 60);
  EXPECT_EQ(routed[0].reply().packets(), 0U);
  EXPECT_EQ(routed[0].original().source_port(), 1234U);
  EXPECT_EQ(routed[0].reply().source_port(), 5678U);
  EXPECT_EQ(routed[0].reply().source().low(), IpAddress{net::kRed1.ip}.low());
  EXPECT_LE(routed[0].timeout_milliseconds(), 30000U);
  EXPECT_GT(routed[0].timeout_milliseconds(), 20000U);
  lab_.dataplane().flows().clock.advance(7000);
  const auto later = list(request);
  ASSERT_EQ(later.size(), 1U);
  EXPECT_GE(later[0].age_milliseconds(), 7000U);
  EXPECT_GE(later[0].original().idle_milliseconds(), 7000U);

  request.Clear();
  request.mutable_filter()->set_protocol(1);
  const auto echo = list(request);
  ASSERT_EQ(echo.size(), 1U);
  for (const auto* direction : {&echo[0].original(), &echo[0].reply()}) {
    EXPECT_EQ(direction->source_port(), 77U);
    EXPECT_EQ(direction->destination_port(), 8U);
  }
}

TEST_F(ConnectionApi, TopHasTheLargestFirst) {
  talk();
  v1::ShowConnectionsRequest request;
  request.set_top(2);
  const auto top = list(request);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].reply().ingress(), "red-1");
  EXPECT_GE(top[0].original().bytes(), top[1].original().bytes() + top[1].reply().bytes());
  request.set_top(100);
  EXPECT_EQ(list(request).size(), 4U);
  request.set_limit(1);
  EXPECT_EQ(list(request).size(), 1U);
  request.set_top(0);
  EXPECT_EQ(list(request).size(), 1U);
}

TEST_F(ConnectionApi, WhatCantBeIsNamed) {
  const auto expect = [&](const std::function<void(Filter&)>& fill, const char* text,
                          grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT) {
    const grpc::Status status = refuse(fill);
    EXPECT_EQ(status.error_code(), code);
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  };
  expect([](Filter& f) { f.set_port("no\x1bwhere"); }, "no\\x1bwhere", grpc::StatusCode::NOT_FOUND);
  expect([](Filter& f) { f.set_vni(1U << 24); }, "filter.vni: 16777216");
  expect([](Filter& f) { f.set_protocol(256); }, "filter.protocol: 256");
  expect([](Filter& f) { f.set_l4_port(65536); }, "filter.l4_port: 65536");
  expect([](Filter& f) { f.set_state("open"); }, "syn_sent, syn_sent_both");
  expect(
      [](Filter& f) {
        set_ipv4(*f.mutable_address()->mutable_address(), net::kRed1.ip);
        f.mutable_address()->set_length(33);
      },
      "filter.address: length 33");
}

TEST_F(ConnectionApi, WhatIsFlushedIsGone) {
  talk();
  EXPECT_EQ(flush([](Filter& f) { f.set_vni(1002); }), 1U);
  EXPECT_EQ(select([](Filter& f) { f.set_vni(1002); }), Found{});
  EXPECT_EQ(select([](Filter&) {}).size(), 3U);
  EXPECT_EQ(flush([](Filter&) {}), 3U);
  EXPECT_EQ(flush([](Filter&) {}), 0U);
  EXPECT_EQ(summary().tables(0).used(), 0U);
  talk();
  EXPECT_EQ(select([](Filter&) {}).size(), 4U);
}

TEST_F(ConnectionApi, SummaryCountsTablesAndStates) {
  talk();
  const auto now = summary();
  ASSERT_EQ(now.tables_size(), 2);
  EXPECT_EQ(now.tables(0).family(), "IPv4");
  EXPECT_EQ(now.tables(0).used(), 4U);
  EXPECT_EQ(now.tables(0).created(), 4U);
  EXPECT_EQ(now.tables(0).high_water(), 4U);
  EXPECT_EQ(now.tables(0).capacity(), PipelineLab::default_settings().flows.connections);
  EXPECT_EQ(now.tables(1).used(), 0U);
  std::multiset<std::string> states;
  for (const auto& count : now.states()) {
    states.insert(std::to_string(count.protocol()) + " " + count.state() + " " +
                  std::to_string(count.connections()));
  }
  EXPECT_EQ(states, (std::multiset<std::string>{"1 one_way 1", "17 one_way 2", "6 established 1"}));
  EXPECT_EQ(now.timeouts_size(), 12);
  EXPECT_EQ(now.timeouts(0).name(), "tcp_syn_sent");
  EXPECT_EQ(now.timeouts(0).default_seconds(), 120U);
}

TEST_F(ConnectionApi, TimeoutsAreCheckedAndHoldForConnectionsThatExist) {
  talk();
  const grpc::Status unknown = set_timeouts({{"udp_one_way", 5}, {"nonsense", 5}});
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(unknown.error_message(), AllOf(HasSubstr("nonsense"), HasSubstr("udp_one_way")));
  EXPECT_EQ(set_timeouts({{"icmp", 0}}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(set_timeouts({{"icmp", 2'000'001}}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(lab_.dataplane().connections().timeouts().udp_one_way, 30U) << "all or none";
  EXPECT_TRUE(set_timeouts({{"udp_one_way", 5}}).ok());
  for (int second = 0; second < 8; ++second) {
    lab_.dataplane().flows().clock.advance(1000);
    lab_.walk();
  }
  EXPECT_EQ(select([](Filter&) {}), (Found{"6 established", "1 one_way"}));
  EXPECT_EQ(summary().tables(0).expired(), 2U);
}

}  // namespace
}  // namespace alkaid::test
