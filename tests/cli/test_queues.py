"""`ebbtide queues`."""

from tests.cli.conftest import Shop

from ebbtide.queue import Queue


def test_every_lane_of_every_queue_is_counted(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "miss", "x")
    shop.work()
    shop.call("enqueue", "SHOP", "add", "1")
    shop.call("enqueue", "SHOP", "greet", "Ada", "--lane", "1", "--delay", "1h")
    queues = {queue["name"]: queue for queue in shop.asked("queues", "SHOP")}
    assert list(queues) == ["mail", "mute", "default"]
    (default,) = queues["default"]["depth"]
    assert (default["ready"], default["dead"], default["running"]) == (1, 1, 0)
    assert default["oldest"] >= 0
    assert [lane["delayed"] for lane in queues["mail"]["depth"]] == [0, 1, 0]
    assert queues["mail"]["concurrency"] == [None, 2, 1]
    assert queues["mail"]["visibility"] == Queue("mail", timeout=90).loan


def test_the_table_shows_depth_and_settings(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "add", "1")
    done = shop.run("queues", "SHOP")
    assert done.returncode == 0
    depth, settings = done.stdout.strip().split("\n\n")
    assert [line.split()[:3] for line in depth.splitlines()] == [
        ["queue", "lane", "ready"],
        ["mail", "0", "0"],
        ["mail", "1", "0"],
        ["mail", "2", "0"],
        ["mute", "0", "0"],
        ["default", "0", "1"],
    ]
    mail, mute = settings.splitlines()[1:3]
    assert "any, 2, 1" in mail
    assert "1 min 30 s" in mail
    assert mute.split()[-2:] == ["no", "no"]


def test_messages_on_a_lane_that_is_no_longer_declared_are_pointed_out(shop: Shop) -> None:
    shop.call("enqueue", "SHOP", "greet", "Ada", "--lane", "2")
    source = shop.folder / f"{shop.module}.py"
    source.write_text(source.read_text().replace("lanes=3", "lanes=2").replace("[None, 2, 1]", "[None, 2]"))
    assert "no worker takes from lane 2 of 'mail': it declares lanes=2" in shop.run("queues", "SHOP").stdout
